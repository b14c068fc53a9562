// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/covariance.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/model_average.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/sampled_gates.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// From data to a fitted model, the same for every loss: `Response` is what is fitted (targets, weights, loss),
/// `Design` to what (the columns of X). select, choose the size (price, budget, criterion, folds), refit, describe.

namespace l0::detail {

/// What the searches are told. Prices are on losses in units of `loss_unit`.
template <std::same_as<RegressionOptions> Options>  // a template, so that it is compiled where it is used
SelectionOptions selection_options(const Options& options, bool unknown_variance, double loss_unit,
                                   const std::vector<Dependent<Index, Options>>& start = {}) {
  SelectionOptions selection;
  selection.score.loss_unit = loss_unit;
  selection.score.criterion = options.criterion;
  selection.score.unknown_variance = unknown_variance;
  if (options.lambda_l0) {
    selection.score.kind = SupportScore::Kind::price;
    selection.score.lambda = *options.lambda_l0 / selection.score.loss_unit;
  } else if (options.max_features) {
    selection.score.kind = SupportScore::Kind::exact;
    selection.score.size = *options.max_features;
  }
  selection.rules.non_negative = options.non_negative;
  if (options.max_per_group > 0) {
    selection.rules.group = options.groups;
    selection.rules.most_per_group = options.max_per_group;
  } else if (!options.groups.empty()) {
    selection.rules.units = SelectionUnits(options.groups);
  }
  selection.rules.keep = selection.rules.units.units_of(options.must_keep);
  selection.start = selection.rules.units.units_of(start);
  selection.lambda_l2 = options.lambda_l2;
  selection.centre = options.fit_intercept;
  selection.max_size = options.max_size;
  return selection;
}

/// The score by criterion, whatever the search went by.
template <class Precise>
SupportScore criterion_score(const Response<Precise>& response, const Design<Precise>& x,
                             const SelectionOptions& options) {
  SupportScore score = complete_score(options, response.samples(), x.columns(), response.free_predictors());
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  return score;
}

/// The score that importances go by: the price where there is one, else the criterion.
inline SupportScore judging_score(const SelectionOptions& options, SupportScore criterion) {
  if (options.score.kind != SupportScore::Kind::price) return criterion;
  criterion.kind = SupportScore::Kind::price;
  criterion.lambda = options.score.lambda;
  return criterion;
}

/// Completes a point that has coefficients and loss; `score` is that of `criterion_score`.
template <class Precise>
void complete(FitPoint<Precise>& point, const Response<Precise>& response, const SelectionOptions& options,
              const SupportScore& score) {
  const std::vector<Index> units = options.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  point.criterion = response.criterion(score, point.loss, options.rules.units.size_of(units));
  point.cv_loss = point.cv_error = std::numeric_limits<double>::quiet_NaN();
}

/// The supports of a selection as refitted points, size by size; sizes that were not met are left out.
template <class Precise>
std::vector<FitPoint<Precise>> refit_path(const Response<Precise>& response, const Design<Precise>& x,
                                          const SelectionResult& selection, const SelectionOptions& options) {
  std::vector<Dependent<FoundSupport, Precise>> met;
  for (const FoundSupport& found : selection.by_size) {
    if (std::isfinite(found.loss)) met.push_back(found);
  }
  std::vector<FitPoint<Precise>> path = response.refit_all(x, met, options);
  const SupportScore score = criterion_score(response, x, options);
  double before = std::numeric_limits<double>::infinity();
  Index size = 0;
  for (FitPoint<Precise>& point : path) {
    complete(point, response, options, score);
    point.lambda = std::max(0.0, (before - point.loss) / static_cast<double>(std::max<Index>(1, point.size - size)));
    before = point.loss;
    size = point.size;
  }
  return path;
}

/// What a fit comes to: the point in the units of design and response, the report on the user's scale.
template <class Precise>
struct SparseFit {
  FitPoint<Precise> point;
  Vector<Precise> importance;
  StandardErrors<Precise> errors;
  RegressionReport report;
  std::unique_ptr<Response<Precise>> response;  ///< as it was adapted; null where nothing was
};

/// Whether no group has room for one more.
template <std::same_as<RegressionOptions> Options>
bool fills_groups(const Options& options, const std::vector<Index>& support) {
  std::vector<Dependent<Index, Options>> in, of;
  for (const Index g : options.groups) {
    of.resize(std::max(of.size(), static_cast<std::size_t>(g) + 1));
    ++of[static_cast<std::size_t>(g)];
  }
  in.resize(of.size());
  for (const Index j : support) ++in[static_cast<std::size_t>(options.groups[static_cast<std::size_t>(j)])];
  for (std::size_t g = 0; g < of.size(); ++g) {
    if (in[g] < std::min<Index>(of[g], options.max_per_group)) return false;
  }
  return true;
}

/// Completes the report from the point, on the user's scale, whatever the fit was made from.
template <class Precise>
void describe(SparseFit<Precise>& fit, const RegressionOptions& options, bool single, Index constant, double lambda_l2,
              const FitRun& run) {
  RegressionReport& report = fit.report;
  const FitPoint<Precise>& point = fit.point;
  if (run.stopped()) report.stop = StopReason::callback;
  report.size = point.size;
  report.loss = point.loss;
  report.criterion = point.criterion;
  report.lambda_l2 = lambda_l2;
  if (options.max_features && point.size < *options.max_features) {
    const bool by_rule = options.max_per_group > 0 && fills_groups(options, point.support);
    report.notes.push_back(to_text(point.size) + (single ? " features" : " groups") +
                           (by_rule                ? " are all that max_per_group allows"
                            : options.non_negative ? " suffice: no other would have a coefficient above 0"
                                                   : " suffice: no independent one is left to reach the budget of " +
                                                         to_text(*options.max_features)));
  }
  if (options.non_negative) {
    for (const Index j : options.must_keep) {
      if (!std::binary_search(point.support.begin(), point.support.end(), j))
        report.notes.push_back("feature " + to_text(j) + " of must_keep stays at 0, as non_negative wants no less");
    }
  }
  if (constant > 0) report.notes.push_back(to_text(constant) + " constant columns were left out");
  if (point.dependent > 0) {
    report.notes.push_back(to_text(point.dependent) +
                           " of the kept columns are made up by others: coefficients are those of least norm");
  }
  report.seconds = run.seconds();
}

/// The largest size below `size` that a selection met; null where there is none. `smaller` is that size.
template <std::same_as<SelectionResult> Selection>
const FoundSupport* next_below(const Selection& selection, Index size, Index& smaller) {
  const FoundSupport* below = nullptr;
  for (Index k = 0; k < std::min(size, static_cast<Index>(selection.by_size.size())); ++k) {
    const FoundSupport& found = selection.by_size[static_cast<std::size_t>(k)];
    if (std::isfinite(found.loss)) below = &found, smaller = k;
  }
  return below;
}

/// Brings losses, prices and criterion of a point to the user's scale.
template <class Precise>
void to_users_losses(FitPoint<Precise>& point, const Response<Precise>& response) {
  const Precise unit = response.loss_unit();
  point.loss *= unit;
  point.lambda *= unit;
  if (response.unknown_variance())
    point.criterion += response.samples() * static_cast<double>(response.free_predictors()) * std::log(unit);
}

/// What was selected: a support of columns, and all that was met on the way.
template <class Precise>
struct ChosenSupport {
  std::vector<Index> support;
  SelectionResult selection;
  double lambda_l2 = 0;
};

/// Selects and chooses the size. `folds` choose unless a price or a budget is given: first the size, by what folds that
/// each select for themselves lose on the samples that they left out, then its support, as a budget of that size would.
template <class Precise>
ChosenSupport<Precise> choose_support(const Response<Precise>& response, const Design<Precise>& x,
                                      const RegressionOptions& options, SelectionOptions settings, const Folds& folds,
                                      FitRun& run) {
  const bool sampled = options.gates == GateMode::sampled;
  const auto select = [&]() -> SelectionResult {
    if (sampled) return select_sampled(response, x, options, settings);
    if (options.gates == GateMode::noise_free) return response.select(x, settings);
    SelectionResult everything;
    everything.best.support.resize(static_cast<std::size_t>(x.columns()));
    std::iota(everything.best.support.begin(), everything.best.support.end(), Index{0});
    return everything;
  };
  ChosenSupport<Precise> choice;
  const auto take = [&] {
    choice.lambda_l2 = settings.lambda_l2;
    choice.selection = select();
    choice.support = choice.selection.best.support;
  };
  if (folds.count < 2 || options.lambda_l0 || options.max_features) {
    take();
    return choice;
  }
  SelectionOptions by_folds = settings;
  by_folds.score.criterion = Criterion::aic;  // held-out loss wants more features than a consistent criterion
  const std::vector<double> candidates =
      options.l2_candidates.empty() ? std::vector<double>{options.lambda_l2} : options.l2_candidates;
  const Index all = folds.count * static_cast<Index>(candidates.size());
  Index done = 0;
  double lowest = std::numeric_limits<double>::infinity();
  Index size = -1;
  for (const double candidate : candidates) {
    by_folds.lambda_l2 = candidate;
    SelectionResult read_off;
    if (sampled) {
      std::swap(settings, by_folds);
      read_off = select();
      std::swap(settings, by_folds);
    }
    const auto is_met = [&](std::size_t k) {
      return !sampled || (k < read_off.by_size.size() && std::isfinite(read_off.by_size[k].loss));
    };
    FoldLosses<Precise> held;
    if (!run.stopped()) held = cross_validate(response, x, by_folds, folds, options.threads, done, all);
    if (held.empty()) break;  // the candidates before, whose folds are done, decide
    std::size_t best = held.size();
    for (std::size_t k = 0; k < held.size(); ++k) {
      if (is_met(k) && held.mean[k] < lowest) lowest = held.mean[k], best = k;
    }
    if (best < held.size()) {
      const Precise enough = loss_to_choose(held, best, options.fold_rule);
      std::size_t k = 0;
      while (!is_met(k) || !(held.mean[k] <= enough)) ++k;
      size = static_cast<Index>(k);
      choice.lambda_l2 = candidate;
      if (sampled) {
        choice.support = read_off.by_size[k].support;
        choice.selection = std::move(read_off);
      }
    }
    if (run.stopped()) break;
  }
  if (sampled && size >= 0) return choice;
  settings.lambda_l2 = size < 0 ? candidates.front() : choice.lambda_l2;
  if (run.stopped()) {  // what a search tells without looking any closer
    settings.run = nullptr;
    settings.polish = false;
  }
  if (size >= 0) {
    settings.score.kind = SupportScore::Kind::exact;
    settings.score.size = size;
  }
  take();
  return choice;
}

/// What a likelihood estimates beside its coefficients (a dispersion, a scale) and the support that it leads to,
/// brought to agree: from the model without features on, select without folds and estimate by turns, until the support
/// stays. Starting there, what features explain counts as noise until it is explained, and noise never as explained.
/// Of supports that lead to each other in a circle the smallest is taken. Null where nothing is estimated; `choice` is
/// then as it was.
template <class Precise>
std::unique_ptr<Response<Precise>> settle(const Response<Precise>& given, const Design<Precise>& x,
                                          const RegressionOptions& options, const SelectionOptions& settings,
                                          FitRun& run, ChosenSupport<Precise>& choice) {
  constexpr int most_rounds = 10;
  std::vector<std::vector<Dependent<Index, Precise>>> seen{settings.rules.units.columns_of(settings.rules.keep)};
  std::sort(seen.front().begin(), seen.front().end());
  auto own = given.adapted(x, seen.front(), settings);
  for (int round = 0; own && round < most_rounds && !run.stopped(); ++round) {
    choice = choose_support(*own, x, options, settings, Folds(), run);
    std::sort(choice.support.begin(), choice.support.end());
    if (choice.support == seen.back()) break;
    const auto again = std::find(seen.begin(), seen.end(), choice.support);
    const bool circle = again != seen.end();
    if (circle) {
      choice.support =
          *std::min_element(again, seen.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    }
    own = own->adapted(x, choice.support, settings);
    if (circle) break;
    seen.push_back(choice.support);
  }
  return own;
}

/// The fit that `Aim::prediction` asks for; false, and nothing done, where the folds were not run to their end.
template <class Precise>
bool fit_average(SparseFit<Precise>& fit, const Response<Precise>& response, const Design<Precise>& x,
                 const RegressionOptions& options, const SelectionOptions& settings, const Folds& folds, FitRun& run) {
  ModelAverage<Precise> average = average_models(response, x, settings, folds, options.threads);
  if (!average.complete) return false;
  fit.point = std::move(average.point);
  complete(fit.point, response, settings, criterion_score(response, x, settings));
  fit.importance = std::move(average.importance);
  fit.errors.model.setConstant(static_cast<Index>(fit.point.support.size()) + 1, response.predictors(),
                               std::numeric_limits<Precise>::quiet_NaN());
  to_users_losses(fit.point, response);
  describe(fit, options, settings.rules.units.trivial(), x.constant_columns(), average.mean_ridge, run);
  return true;
}

/// Selects, chooses the size and refits. `folds` choose unless a price or a budget is given; `start` is a support of
/// columns to search from as well; `run` hears of it.
template <class Precise>
SparseFit<Precise> fit_sparse(const Response<Precise>& given, const Design<Precise>& x,
                              const RegressionOptions& options, const Folds& folds, const std::vector<Index>& start,
                              FitRun& run) {
  SelectionOptions settings = selection_options(options, given.unknown_variance(), given.loss_unit(), start);
  settings.run = &run;
  SparseFit<Precise> fit;
  ChosenSupport<Precise> choice;
  fit.response = settle(given, x, options, settings, run, choice);
  if (options.aim == Aim::prediction && folds.count >= 2 && !run.stopped()) {
    const Response<Precise>& response = fit.response ? *fit.response : given;
    if (fit_average(fit, response, x, options, settings, folds, run)) return fit;
  }
  const bool by_folds = folds.count >= 2 && options.aim == Aim::support && !options.lambda_l0 && !options.max_features;
  if (!fit.response) {
    choice = choose_support(given, x, options, settings, by_folds ? folds : Folds(), run);
  } else if (by_folds) {
    choice = choose_support(*fit.response, x, options, settings, folds, run);
    settings.lambda_l2 = choice.lambda_l2;
    fit.response = fit.response->adapted(x, choice.support, settings);
  }
  settings.lambda_l2 = choice.lambda_l2;
  const Response<Precise>& response = fit.response ? *fit.response : given;
  const SupportScore score = criterion_score(response, x, settings);
  fit.point = response.refit(x, choice.support, settings);
  complete(fit.point, response, settings, score);
  {
    const Expansion<Precise> around = response.expansion(x, fit.point, settings);
    fit.importance = importance_of<Precise>(around.problem, around.ridge, settings, judging_score(settings, score),
                                            fit.point.support, around.judge);
  }
  fit.errors =
      SupportCovariance<Precise>(response, x, fit.point, settings.centre, settings.lambda_l2, options.weight_kind)
          .errors();
  fit.report.lambda = options.lambda_l0.value_or(0);
  Index smaller = 0;
  const FoundSupport* below = options.lambda_l0 ? nullptr : next_below(choice.selection, fit.point.size, smaller);
  if (below != nullptr) {
    fit.report.lambda = settings.score.loss_unit *
                        std::max(0.0, response.refit(x, below->support, settings).loss - fit.point.loss) /
                        static_cast<double>(fit.point.size - smaller);
  }
  to_users_losses(fit.point, response);
  describe(fit, options, settings.rules.units.trivial(), x.constant_columns(), settings.lambda_l2, run);
  return fit;
}

/// The whole fit of a response to data.
template <class Precise>
SparseFit<Precise> fit_data(const RegressionData<Precise>& data, const Response<Precise>& response,
                            const RegressionOptions& options, const std::vector<Index>& start, FitRun& run) {
  if (!data.fold.empty() && (options.lambda_l0 || options.max_features || options.gates == GateMode::off))
    fail("fold", "given", "none where lambda_l0, max_features or gates = off says how sparse");
  if (options.fold_rule != FoldRule::least && options.folds == 0 && data.fold.empty())
    fail("fold_rule", "one_standard_error", "least where no folds choose");
  Index count = options.folds;
  if (options.aim == Aim::prediction && count == 0 && data.fold.empty())
    count = std::min(AverageRules::folds, response.weights().size());
  return fit_sparse(response, *data.design, options, folds_for(response, data.fold, count, options.seed), start, run);
}

}  // namespace l0::detail
