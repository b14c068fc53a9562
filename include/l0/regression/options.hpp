// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/weights.hpp>
#include <l0/regression/search/criterion.hpp>

namespace l0 {

/// Which size folds choose.
enum class FoldRule {
  least,               ///< that of the least loss on held-out samples
  one_standard_error,  ///< the smallest whose loss is within a standard error of the least (Breiman et al. 1984)
};

/// What a model is for, where nothing else says what to choose.
enum class Aim {
  support,     ///< which features matter: one support, by the criterion or by folds, without shrinkage
  prediction,  ///< the least loss on new samples: models of all sizes under several ridges, averaged
};

/// Options of the regression estimators. How sparse the model is, is said in one of three ways: by a price
/// (`lambda_l0`), by a budget (`max_features`), or by neither: then the criterion, or cross validation, chooses.
///
/// Columns that belong together, as the dummies of one factor, are named by `groups`: they share one gate and are kept
/// or left out together, and prices, budgets and sizes count groups. With `max_per_group` the groups mean something
/// else: features are chosen one by one, but at most so many of each group.
///
/// `aim = Aim::prediction` takes the place of all of these: coefficients are the average of those of models of all
/// sizes, up to the one of all features (where `max_size` lets it in), under ridges from .1/n to 3. Weights are
/// exponential in the loss on held-out folds (10, or `folds`, or the samples' own), at a temperature of two units of
/// log likelihood (Leung & Barron 2006; Dalalyan & Tsybakov 2008). Features that any of the averaged models has are
/// selected; there are no standard errors, and `importance` is the weight of the models that have a feature.
///
/// A fit reports to `callback` in stages: "forward" and "backward", a step per size of the path; "chains", a step per
/// round of exchanges from the best support; "folds", a step per fold, with its least held-out loss and the size that
/// has it, from the thread that ran it; "gates", a step per epoch of sampled gates. Losses of the search include
/// λ₂‖w‖². Where it asks to stop, the model is the best found until then; if the folds are not done, the criterion
/// chooses.
struct RegressionOptions {
  std::optional<double> lambda_l0{};      ///< price of one feature on the mean loss, ≥ 0
  std::optional<Index> max_features{};    ///< exactly so many features, fewer only where fewer suffice; from 0 to all
  Criterion criterion = Criterion::ebic;  ///< chooses the size where neither of the above is given
  Index folds = 0;                        ///< ≥ 2: cross validation with so many folds chooses instead
  double lambda_l2 =
      0;  ///< λ₂ Σ (σⱼwⱼ)² on the kept coefficients, σⱼ the deviation of column j, beside the mean loss, ≥ 0
  bool fit_intercept = true;       ///< the intercept is never gated
  bool non_negative = false;       ///< no coefficient below 0
  std::vector<Index> must_keep{};  ///< features that are always in; with non_negative at 0 where they would be below it
  std::vector<Index> groups{};     ///< group 0, 1, ... of every feature; empty: each stands alone
  Index max_per_group = 0;         ///< at most so many features of each group; 0: groups are all in or all out
  Index max_size = 100;            ///< largest model looked at where neither a price nor a budget is given
  WeightKind weight_kind = WeightKind::sampling;  ///< what sample weights say
  std::vector<double> class_weight{};             ///< of samples labelled 0, 1, ..., > 0, times their own; empty: 1
  bool balance_classes = false;                   ///< classes weigh the same, whatever their numbers
  std::uint64_t seed = 0;                         ///< of the folds
  int threads = 1;                                ///< for folds; the result does not depend on it
  std::vector<std::string> feature_names{};       ///< for `summary` and `feature_name`; empty: x0, x1, ...
  bool warm_start = false;                        ///< a further fit also searches from the features of the one before
  std::vector<double> l2_candidates{};            ///< with folds: they also choose among these values of lambda_l2
  GateMode gates = GateMode::noise_free;          ///< how the search goes; off: the model of all features
  Index epochs = 1000;                            ///< steps of Adam, with sampled gates
  double learning_rate = 0.02;                    ///< of the coefficients of standardized columns, with sampled gates
  std::function<double(Index)> temperature_schedule{};  ///< β per step, with sampled gates; empty: 2/3 to 0.1
  AnyCallback callback{};                               ///< after every size, chain, fold or epoch; may stop the search
  FoldRule fold_rule = FoldRule::least;                 ///< which size the folds choose
  Aim aim = Aim::support;                               ///< prediction: an average of models; sets criterion and ridge
};

/// How a fit went.
struct RegressionReport {
  StopReason stop = StopReason::converged;  ///< why the run ended
  Index size = 0;                           ///< features kept; with groups, groups
  double loss = 0;                   ///< mean loss at the reported coefficients: squared error, or deviance / (2n)
  double criterion = 0;              ///< deviance + price of the size, see `Criterion`
  double lambda = 0;                 ///< price of a feature: as given, or what the last feature was worth
  double lambda_l2 = 0;              ///< as given, or as the folds chose, or the mean of those averaged
  double seconds = 0;                ///< by the clock
  std::vector<std::string> notes{};  ///< what deserves a look: constant columns, separable data, ...

  /// Whether the search ended by itself.
  bool converged() const { return stop == StopReason::converged; }
};

namespace detail {

/// Refuses what an average of models would have to ignore, or cannot keep to.
template <std::same_as<RegressionOptions> Options>  // a template, so that it is compiled where it is used
void validate_aim(const Options& options) {
  if (options.aim == Aim::support) return;
  const auto refuse = [](const char* argument) {
    fail(argument, "given together with aim = prediction", "one of the two: prediction averages over sizes and ridges");
  };
  if (options.lambda_l0) refuse("lambda_l0");
  if (options.max_features) refuse("max_features");
  if (options.criterion != Criterion::ebic) refuse("criterion");
  if (options.lambda_l2 != 0) refuse("lambda_l2");
  if (!options.l2_candidates.empty()) refuse("l2_candidates");
  if (options.fold_rule != FoldRule::least) refuse("fold_rule");
  if (options.gates != GateMode::noise_free) refuse("gates");
  if (options.max_per_group > 0)
    fail("max_per_group", to_text(options.max_per_group), "0 with aim = prediction: models together have more");
}

template <std::same_as<RegressionOptions> Options>
void validate(const Options& options, Index features) {
  validate_aim(options);
  if (options.lambda_l0) require_non_negative("lambda_l0", *options.lambda_l0);
  const bool grouped = !options.groups.empty();
  if (grouped) {
    if (static_cast<Index>(options.groups.size()) != features) {
      fail("groups", to_text(options.groups.size()) + " entries", to_text(features) + ", one per feature");
    }
    for (const Index g : options.groups) require(g >= 0, "group", g, "a group >= 0");
  }
  require(options.max_per_group >= 0, "max_per_group", options.max_per_group, "a number >= 0");
  if (options.max_per_group > 0 && !grouped) fail("groups", "empty", "a group for every feature, with max_per_group");
  const bool units_are_groups = grouped && options.max_per_group == 0;
  if (units_are_groups && options.non_negative)
    fail("non_negative", "true", "false where groups are all in or all out");
  const SelectionUnits units = units_are_groups ? SelectionUnits(options.groups) : SelectionUnits();
  if (options.max_features) {
    if (*options.max_features < 0 || *options.max_features > units.count(features)) {
      fail("max_features", to_text(*options.max_features),
           "a number from 0 to the " + to_text(units.count(features)) +
               (units_are_groups ? " groups of features" : " features of X"));
    }
    if (options.lambda_l0) fail("lambda_l0", "given together with max_features", "one of the two");
  }
  require(options.folds == 0 || options.folds >= 2, "folds", options.folds, "0 or at least 2");
  if (options.folds > 0 && (options.lambda_l0 || options.max_features)) {
    fail("folds", to_text(options.folds), "0 where lambda_l0 or max_features says how sparse");
  }
  require_non_negative("lambda_l2", options.lambda_l2);
  for (const double candidate : options.l2_candidates) require_non_negative("l2_candidates", candidate);
  if (!options.l2_candidates.empty() && (options.folds == 0 || options.lambda_l0 || options.max_features)) {
    fail("l2_candidates", "given without a choice by folds", "folds, and neither lambda_l0 nor max_features");
  }
  for (const Index j : options.must_keep) {
    if (j < 0 || j >= features) fail("must_keep", to_text(j), "a feature in [0, " + to_text(features) + ")");
  }
  const auto kept = static_cast<Index>(units.units_of(options.must_keep).size());
  if (options.max_features && kept > *options.max_features) {
    fail("must_keep", to_text(kept) + (units_are_groups ? " groups" : " features"), "no more than max_features");
  }
  if (options.gates == GateMode::off && (options.lambda_l0 || options.max_features || options.folds > 0)) {
    fail("gates", "off", "noise_free or sampled where lambda_l0, max_features or folds are given");
  }
  if (options.gates == GateMode::off && (options.non_negative || options.max_per_group > 0)) {
    fail("gates", "off", "noise_free or sampled where non_negative or max_per_group says which features may be in");
  }
  if (options.max_per_group > 0) {
    for (const Index j : options.must_keep) {
      const Index g = options.groups[static_cast<std::size_t>(j)];
      std::vector<Dependent<Index, Options>> of_group;
      for (const Index l : options.must_keep) {
        if (options.groups[static_cast<std::size_t>(l)] == g) of_group.push_back(l);
      }
      std::sort(of_group.begin(), of_group.end());
      const auto count = std::unique(of_group.begin(), of_group.end()) - of_group.begin();
      if (count > options.max_per_group) {
        fail("must_keep", to_text(count) + " features of group " + to_text(g),
             "at most the " + to_text(options.max_per_group) + " of max_per_group");
      }
    }
  }
  require(options.epochs >= 1, "epochs", options.epochs, "a number >= 1");
  require_positive("learning_rate", options.learning_rate);
  for (const double weight : options.class_weight) require_positive("class_weight", weight);
  if (!options.class_weight.empty() && options.balance_classes)
    fail("balance_classes", "true", "false beside class_weight");
  require(options.max_size >= 0, "max_size", options.max_size, "a number >= 0");
  require(options.threads >= 1, "threads", options.threads, "a number >= 1");
  if (!options.feature_names.empty() && static_cast<Index>(options.feature_names.size()) != features) {
    fail("feature_names", to_text(options.feature_names.size()) + " names", to_text(features) + ", one per feature");
  }
}

template <std::same_as<RegressionOptions> Options>
void refuse_class_weights(const Options& options) {
  if (!options.class_weight.empty() || options.balance_classes)
    fail(options.balance_classes ? "balance_classes" : "class_weight", "given", "none where y are no labels");
}

}  // namespace detail
}  // namespace l0
