// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/error.hpp>
#include <l0/regression/data/weights.hpp>

namespace l0 {

/// The loss of an ensemble of trees with output η.
enum class TreeLoss {
  squared,   ///< (y − η)²
  logistic,  ///< log(1 + e^η) − yη, labels y = 0 or 1
  poisson    ///< half the deviance, e^η − yη + y log y − y, counts y ≥ 0
};

/// Options of `SoftTreeBoosting`. How many features are kept is said in one of three ways: by a price (`lambda_l0`), by
/// a budget (`max_features`), or by neither: then as few as are shown to predict no worse, to one standard error.
///
/// A fit reports to `callback` in two stages: "features", where a step is a gate closed, and "trees", a step per tree.
/// A stop in the first takes the best set until then, or with a budget the so many most worthy features, and grows
/// its trees without further reports; in the second the trees grown so far are the model.
struct SoftTreeBoostingOptions {
  Index trees = 400;                    ///< at most so many, ≥ 0
  Index depth = 4;                      ///< levels of a tree, from 1 to 8
  std::optional<double> lambda_l0{};    ///< price of a feature on the mean loss, ≥ 0, however many trees use it
  std::optional<Index> max_features{};  ///< so many features, fewer only where fewer are of use
  TreeLoss loss = TreeLoss::squared;    ///< what an error costs
  double learning_rate = 0.15;          ///< what a tree contributes of its fit, in (0, 1]
  double subsample = 0.8;               ///< share of the samples that a tree sees, in (0, 1]
  double lambda_l2 = 1;                 ///< λ₂/2 · Σ leaf² beside the sum of losses, ≥ 0
  WeightKind weight_kind = WeightKind::sampling;  ///< what sample weights say
  Index folds = 5;                           ///< judge features and the number of trees; 0: all features, all trees
  double validation_share = 0;               ///< of the samples, held back to stop early by, in [0, 1); 0: none
  Index patience = 20;                       ///< trees without a smaller loss on them or on a fold, ≥ 1
  std::optional<double> lambda_trees{};      ///< price of a tree on the mean loss, ≥ 0: prunes the finished ensemble
  std::optional<Index> max_trees{};          ///< keeps at most so many trees of the finished ensemble, ≥ 0
  Index refinements = 10;                    ///< steps of thresholds and widths along the gradient, per tree, ≥ 0
  bool soft = true;                          ///< false: hard splits only
  std::uint64_t seed = 0;                    ///< of folds, subsamples and the samples held back
  int threads = 1;                           ///< for folds; the result does not depend on it
  std::vector<std::string> feature_names{};  ///< for `summary`; empty: x0, x1, ...
  AnyCallback callback{};                    ///< after every set of features tried and every tree; may stop the fit
};

/// One set of features that a selection tried.
struct TreeSelectionStep {
  std::vector<Index> features{};  ///< ascending
  double out_of_fold_loss = 0;    ///< mean loss on samples that the trees had not seen
  double standard_error = 0;      ///< of its difference to the best set's, over the samples
  Index trees = 0;                ///< with which that loss is smallest
  std::vector<double> worth{};   ///< by how much it rises when the gate of a feature closes, in the order of `features`
  std::vector<double> staged{};  ///< the mean loss after every number of trees
};

/// How a fit went.
struct SoftTreeBoostingReport {
  StopReason stop = StopReason::completed;       ///< converged: stopped early
  Index trees = 0;                               ///< in the ensemble
  Index grown = 0;                               ///< before pruning
  Index features = 0;                            ///< in the ensemble
  double loss = 0;                               ///< mean loss on the samples it was fitted to
  double out_of_fold_loss = 0;                   ///< of the chosen features; NaN without folds
  std::vector<double> staged_loss{};             ///< mean training loss with 0, 1, 2, ... trees grown
  std::vector<double> staged_validation_loss{};  ///< the same on the samples held back; empty without
  std::vector<TreeSelectionStep> path{};         ///< the sets of features that were tried
  double seconds = 0;                            ///< by the clock
  std::vector<std::string> notes{};              ///< what deserves a look: constant columns, ...

  /// Whether the run ended as planned.
  bool converged() const { return stop == StopReason::completed || stop == StopReason::converged; }
};

namespace detail {

/// The deepest tree: 2⁸ leaves.
inline constexpr Index most_levels = 8;

inline void validate(const SoftTreeBoostingOptions& options, Index features) {
  require(options.trees >= 0, "trees", options.trees, "a number >= 0");
  require(options.depth >= 1 && options.depth <= most_levels, "depth", options.depth, "a number from 1 to 8");
  if (options.lambda_l0) require_non_negative("lambda_l0", *options.lambda_l0);
  if (options.max_features) {
    if (*options.max_features < 0 || *options.max_features > features) {
      fail("max_features", to_text(*options.max_features),
           "a number from 0 to the " + to_text(features) + " features of X");
    }
    if (options.lambda_l0) fail("lambda_l0", "given together with max_features", "one of the two");
  }
  require(options.learning_rate > 0 && options.learning_rate <= 1, "learning_rate", options.learning_rate,
          "a number in (0, 1]");
  require(options.subsample > 0 && options.subsample <= 1, "subsample", options.subsample, "a share in (0, 1]");
  require_non_negative("lambda_l2", options.lambda_l2);
  require(options.folds == 0 || options.folds >= 2, "folds", options.folds, "0 or at least 2");
  if (options.folds == 0 && (options.lambda_l0 || options.max_features)) {
    fail("folds", "0", "at least 2 where lambda_l0 or max_features are given");
  }
  require(options.validation_share >= 0 && options.validation_share < 1, "validation_share", options.validation_share,
          "a share in [0, 1)");
  require(options.patience >= 1, "patience", options.patience, "a number >= 1");
  if (options.lambda_trees) require_non_negative("lambda_trees", *options.lambda_trees);
  if (options.max_trees) {
    require(*options.max_trees >= 0, "max_trees", *options.max_trees, "a number >= 0");
    if (options.lambda_trees) fail("lambda_trees", "given together with max_trees", "one of the two");
  }
  require(options.refinements >= 0, "refinements", options.refinements, "a number >= 0");
  require(options.threads >= 1, "threads", options.threads, "a number >= 1");
  if (!options.feature_names.empty() && static_cast<Index>(options.feature_names.size()) != features) {
    fail("feature_names", to_text(options.feature_names.size()) + " names", to_text(features) + ", one per feature");
  }
}

}  // namespace detail

}  // namespace l0
