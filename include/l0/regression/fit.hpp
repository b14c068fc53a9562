// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/sampled_gates.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// From data to a fitted model, the same for every family. A family is an object with
///
///     responses, target_columns: columns of the coefficients and of y, 1 or Eigen::Dynamic
///     select(design, y, weight, options)  → SelectionResult: supports of columns
///     refit(design, y, weight, support, options) → PathPoint: coefficients, intercept, mean loss on the data
///     loss(eta row, y row) → the loss of one sample at its linear predictors
///     free_responses(y) → free coefficients per column
///     criterion(score, mean loss, size) → the criterion
///     with_expansion(design, y, weight, point, options, use) → use(least-squares problem, ridge, judge) around a fit.

namespace l0::detail {

template <std::same_as<RegressionOptions> Options>  // a template, so that it is compiled where it is used
SelectionOptions selection_options(const Options& options, bool unknown_variance,
                                   const std::vector<Dependent<Index, Options>>& start = {}) {
  SelectionOptions selection;
  selection.score.criterion = options.criterion;
  selection.score.unknown_variance = unknown_variance;
  if (options.lambda_l0) {
    selection.score.kind = SupportScore::Kind::price;
    selection.score.lambda = *options.lambda_l0;
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
template <class Family, class Design, class Y>
SupportScore criterion_score(const Family& family, const Design& x, const Y& y, const SelectionOptions& options) {
  SupportScore score = complete_score(options, x.rows(), x.columns(), family.free_responses(y));
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  return score;
}

/// Refits a support and completes the point; `score` is that of `criterion_score`.
template <class Family, class Design, class Y, class Scalar>
auto refit_point(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                 std::vector<Index> support, const SelectionOptions& options, const SupportScore& score) {
  std::sort(support.begin(), support.end());
  auto point = family.refit(x, y, weight, std::move(support), options);
  const std::vector<Index> units = options.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  point.criterion = family.criterion(score, point.loss, options.rules.units.size_of(units));
  point.cv_loss = std::numeric_limits<double>::quiet_NaN();
  return point;
}

/// The supports of a selection as refitted points, size by size; sizes that were not met are left out.
template <class Family, class Design, class Y, class Scalar>
std::vector<PathPoint<Scalar, Family::responses>> refit_path(const Family& family, const Design& x, const Y& y,
                                                             const Vector<Scalar>& weight,
                                                             const SelectionResult& selection,
                                                             const SelectionOptions& options) {
  std::vector<PathPoint<Scalar, Family::responses>> path;
  const SupportScore score = criterion_score(family, x, y, options);
  for (const FoundSupport& found : selection.by_size) {
    if (!std::isfinite(found.loss)) continue;
    auto point = refit_point(family, x, y, weight, found.support, options, score);
    point.lambda = path.empty()
                       ? std::numeric_limits<double>::infinity()
                       : std::max(0.0, (path.back().loss - point.loss) /
                                           static_cast<double>(std::max<Index>(1, point.size - path.back().size)));
    path.push_back(std::move(point));
  }
  return path;
}

/// The support of a selection that the criterion prefers, whatever the search went by.
template <class Family, class Design, class Y, class Scalar>
std::vector<Index> support_by_criterion(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                                        const SelectionResult& selection, const SelectionOptions& options) {
  const auto path = refit_path(family, x, y, weight, selection, options);
  const auto best = std::min_element(path.begin(), path.end(),
                                     [](const auto& a, const auto& b) { return a.criterion < b.criterion; });
  return best == path.end() ? selection.best.support : best->support;
}

/// Checks the data and options of a fit and calls `use(design, y, weight)`. y has one column unless `Columns` says
/// Eigen::Dynamic.
template <class Scalar, int Columns, class X, class Y, class W, class Use>
auto with_regression_data(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y, const Eigen::DenseBase<W>& weight,
                          const RegressionOptions& options, Use&& use) {
  require(x.rows() > 0, "X", x.rows(), "at least one sample (row)");
  require_shape("y", y.rows(), y.cols(), x.rows(), Columns == 1 ? 1 : std::max<Index>(y.cols(), 1));
  require_finite("y", y);
  validate(options, x.cols());
  const Eigen::Matrix<Scalar, Eigen::Dynamic, Columns, Eigen::ColMajor> target = as_matrix(y).template cast<Scalar>();
  const Vector<Scalar> unit_weight = unit_mean_weights<Scalar>(weight, x.rows());
  return with_design<Scalar>(x, [&](const auto& design) { return use(design, target, unit_weight); });
}

/// What a fit comes to.
template <class Scalar, int Responses>
struct SparseFit {
  PathPoint<Scalar, Responses> point;
  Vector<Scalar> importance;
  RegressionReport report;
};

/// Selects, chooses the size and refits. `start` is a support of columns to search from as well; `run` hears of it.
template <class Family, class Design, class Y, class Scalar>
SparseFit<Scalar, Family::responses> fit_sparse(const Family& family, const Design& x, const Y& y,
                                                const Vector<Scalar>& weight, const RegressionOptions& options,
                                                const std::vector<Index>& start, FitRun& run) {
  SelectionOptions settings = selection_options(options, Family::unknown_variance, start);
  settings.run = &run;
  const auto select = [&]() -> SelectionResult {
    if (options.gates == GateMode::sampled) return select_sampled(family, x, y, weight, options, settings);
    if (options.gates == GateMode::noise_free) return family.select(x, y, weight, settings);
    SelectionResult everything;
    everything.best.support.resize(static_cast<std::size_t>(x.columns()));
    std::iota(everything.best.support.begin(), everything.best.support.end(), Index{0});
    return everything;
  };
  SparseFit<Scalar, Family::responses> fit;
  SelectionResult selection;
  std::vector<Index> support;
  if (options.folds >= 2 && !options.lambda_l0 && !options.max_features) {
    settings.score.criterion = Criterion::aic;  // held-out loss wants more features than a consistent criterion
    double lowest = std::numeric_limits<double>::infinity();
    double chosen = options.lambda_l2;
    const std::vector<double> candidates =
        options.l2_candidates.empty() ? std::vector<double>{options.lambda_l2} : options.l2_candidates;
    const Index all = options.folds * static_cast<Index>(candidates.size());
    Index done = 0;
    for (const double candidate : candidates) {
      settings.lambda_l2 = candidate;
      SelectionResult found = select();
      std::vector<double> held;
      if (!run.stopped()) {
        held = cross_validate(family, x, y, weight, settings, options.folds, options.seed, options.threads, done, all);
      }
      if (held.empty()) {  // the candidates before, whose folds are done, decide; else the criterion
        if (selection.by_size.empty()) {
          chosen = candidate;
          settings.score.criterion = options.criterion;
          support = support_by_criterion(family, x, y, weight, found, settings);
          selection = std::move(found);
        }
        break;
      }
      bool better = false;
      for (std::size_t k = 0; k < std::min(held.size(), found.by_size.size()); ++k) {
        if (!std::isfinite(found.by_size[k].loss) || !(held[k] < lowest)) continue;
        lowest = held[k];
        chosen = candidate;
        support = found.by_size[k].support;
        better = true;
      }
      if (better) selection = std::move(found);
      if (run.stopped()) break;
    }
    settings.lambda_l2 = chosen;
    settings.score.criterion = options.criterion;
  } else {
    selection = select();
    support = selection.best.support;
  }
  const SupportScore score = criterion_score(family, x, y, settings);
  fit.point = refit_point(family, x, y, weight, support, settings, score);
  family.with_expansion(x, y, weight, fit.point, settings, [&](const auto& problem, double ridge, auto judge) {
    fit.importance = importance_of<Scalar>(problem, ridge, settings, score, fit.point.support, judge);
  });
  RegressionReport& report = fit.report;
  if (run.stopped()) report.stop = StopReason::callback;
  report.size = fit.point.size;
  report.loss = fit.point.loss;
  report.criterion = fit.point.criterion;
  report.lambda = options.lambda_l0.value_or(0);
  report.lambda_l2 = settings.lambda_l2;
  if (!options.lambda_l0 && fit.point.size > 0) {
    const FoundSupport* smaller = nullptr;
    Index smaller_size = 0;
    for (Index k = 0; k < std::min(fit.point.size, static_cast<Index>(selection.by_size.size())); ++k) {
      const FoundSupport& found = selection.by_size[static_cast<std::size_t>(k)];
      if (std::isfinite(found.loss)) smaller = &found, smaller_size = k;
    }
    if (smaller != nullptr) {
      report.lambda = std::max(0.0, family.refit(x, y, weight, smaller->support, settings).loss - fit.point.loss) /
                      static_cast<double>(fit.point.size - smaller_size);
    }
  }
  if (options.max_features && fit.point.size < *options.max_features) {
    report.notes.push_back(to_text(fit.point.size) + (settings.rules.units.trivial() ? " features" : " groups") +
                           " suffice: no independent one is left to reach the budget of " +
                           to_text(*options.max_features));
  }
  StandardizedDesign<Design> columns(x);
  columns.set_weights(weight, true);
  Index constant = 0;
  for (Index j = 0; j < x.columns(); ++j) constant += columns.scale(j) > 0 ? 0 : 1;
  if (constant > 0) report.notes.push_back(to_text(constant) + " constant columns were left out");
  report.seconds = run.seconds();
  return fit;
}

/// The same as a run of its own.
template <class Family, class Design, class Y, class Scalar>
SparseFit<Scalar, Family::responses> fit_sparse(const Family& family, const Design& x, const Y& y,
                                                const Vector<Scalar>& weight, const RegressionOptions& options,
                                                const std::vector<Index>& start) {
  FitRun run(options.callback);
  return fit_sparse(family, x, y, weight, options, start, run);
}

}  // namespace l0::detail
