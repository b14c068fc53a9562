// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/sampled_gates.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// From data to a fitted model, the same for every loss: `Response` is what is fitted (targets, weights, loss),
/// `Design` to what (the columns of X). select, choose the size (price, budget, criterion, folds), refit, describe.

namespace l0::detail {

/// What the searches are told. `unit` is that of the targets: prices are on losses in units of its square.
template <std::same_as<RegressionOptions> Options>  // a template, so that it is compiled where it is used
SelectionOptions selection_options(const Options& options, bool unknown_variance, double unit,
                                   const std::vector<Dependent<Index, Options>>& start = {}) {
  SelectionOptions selection;
  selection.score.loss_unit = unit * unit;
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

/// Refits a support and completes the point; `score` is that of `criterion_score`.
template <class Precise>
FitPoint<Precise> refit_point(const Response<Precise>& response, const Design<Precise>& x, std::vector<Index> support,
                              const SelectionOptions& options, const SupportScore& score) {
  std::sort(support.begin(), support.end());
  FitPoint<Precise> point = response.refit(x, std::move(support), options);
  const std::vector<Index> units = options.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  point.criterion = response.criterion(score, point.loss, options.rules.units.size_of(units));
  point.cv_loss = std::numeric_limits<double>::quiet_NaN();
  return point;
}

/// The supports of a selection as refitted points, size by size; sizes that were not met are left out.
template <class Precise>
std::vector<FitPoint<Precise>> refit_path(const Response<Precise>& response, const Design<Precise>& x,
                                          const SelectionResult& selection, const SelectionOptions& options) {
  std::vector<FitPoint<Precise>> path;
  const SupportScore score = criterion_score(response, x, options);
  for (const FoundSupport& found : selection.by_size) {
    if (!std::isfinite(found.loss)) continue;
    auto point = refit_point(response, x, found.support, options, score);
    point.lambda = path.empty()
                       ? std::numeric_limits<double>::infinity()
                       : std::max(0.0, (path.back().loss - point.loss) /
                                           static_cast<double>(std::max<Index>(1, point.size - path.back().size)));
    path.push_back(std::move(point));
  }
  return path;
}

/// The support of a selection that the criterion prefers, whatever the search went by.
template <class Precise>
std::vector<Index> support_by_criterion(const Response<Precise>& response, const Design<Precise>& x,
                                        const SelectionResult& selection, const SelectionOptions& options) {
  const auto path = refit_path(response, x, selection, options);
  const auto best = std::min_element(path.begin(), path.end(),
                                     [](const auto& a, const auto& b) { return a.criterion < b.criterion; });
  return best == path.end() ? selection.best.support : best->support;
}

/// What a fit comes to: the point in the units of design and response, the report on the user's scale.
template <class Precise>
struct SparseFit {
  FitPoint<Precise> point;
  Vector<Precise> importance;
  RegressionReport report;
};

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
    report.notes.push_back(to_text(point.size) + (single ? " features" : " groups") +
                           " suffice: no independent one is left to reach the budget of " +
                           to_text(*options.max_features));
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
  const Precise unit = response.unit();
  point.loss *= unit * unit;
  point.lambda *= unit * unit;
  if (response.unknown_variance())
    point.criterion += response.samples() * static_cast<double>(response.free_predictors()) * 2 * std::log(unit);
}

/// Selects, chooses the size and refits. `folds` choose unless a price or a budget is given; `start` is a support of
/// columns to search from as well; `run` hears of it.
template <class Precise>
SparseFit<Precise> fit_sparse(const Response<Precise>& response, const Design<Precise>& x,
                              const RegressionOptions& options, const Folds& folds, const std::vector<Index>& start,
                              FitRun& run) {
  SelectionOptions settings = selection_options(options, response.unknown_variance(), response.unit(), start);
  settings.run = &run;
  const auto select = [&]() -> SelectionResult {
    if (options.gates == GateMode::sampled) return select_sampled(response, x, options, settings);
    if (options.gates == GateMode::noise_free) return response.select(x, settings);
    SelectionResult everything;
    everything.best.support.resize(static_cast<std::size_t>(x.columns()));
    std::iota(everything.best.support.begin(), everything.best.support.end(), Index{0});
    return everything;
  };
  SparseFit<Precise> fit;
  SelectionResult selection;
  std::vector<Index> support;
  if (folds.count >= 2 && !options.lambda_l0 && !options.max_features) {
    settings.score.criterion = Criterion::aic;  // held-out loss wants more features than a consistent criterion
    double lowest = std::numeric_limits<double>::infinity();
    double chosen = options.lambda_l2;
    const std::vector<double> candidates =
        options.l2_candidates.empty() ? std::vector<double>{options.lambda_l2} : options.l2_candidates;
    const Index all = folds.count * static_cast<Index>(candidates.size());
    Index done = 0;
    for (const double candidate : candidates) {
      settings.lambda_l2 = candidate;
      SelectionResult found = select();
      std::vector<Precise> held;
      if (!run.stopped()) held = cross_validate(response, x, settings, folds, options.threads, done, all);
      if (held.empty()) {  // the candidates before, whose folds are done, decide; else the criterion
        if (selection.by_size.empty()) {
          chosen = candidate;
          settings.score.criterion = options.criterion;
          support = support_by_criterion(response, x, found, settings);
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
  const SupportScore score = criterion_score(response, x, settings);
  fit.point = refit_point(response, x, support, settings, score);
  {
    const Expansion<Precise> around = response.expansion(x, fit.point, settings);
    fit.importance =
        importance_of<Precise>(around.problem, around.ridge, settings, score, fit.point.support, around.judge);
  }
  fit.report.lambda = options.lambda_l0.value_or(0);
  Index smaller = 0;
  const FoundSupport* below = options.lambda_l0 ? nullptr : next_below(selection, fit.point.size, smaller);
  if (below != nullptr) {
    fit.report.lambda = settings.score.loss_unit *
                        std::max(0.0, response.refit(x, below->support, settings).loss - fit.point.loss) /
                        static_cast<double>(fit.point.size - smaller);
  }
  to_users_losses(fit.point, response);
  describe(fit, options, settings.rules.units.trivial(), x.constant_columns(), settings.lambda_l2, run);
  return fit;
}

/// Sample weights as samples.
template <class Scalar, class W>
Samples<Scalar> samples_of(const Eigen::DenseBase<W>& weight, Index rows) {
  Samples<Scalar> samples;
  if (weight.size() == 0) return samples;
  require_shape("sample_weight", weight.rows(), weight.cols(), rows, 1);
  samples.weight = as_matrix(weight).template cast<Scalar>();
  return samples;
}

/// Checks the data and options of a fit. y has one column unless `Columns` says Eigen::Dynamic.
template <class Precise, int Columns, class X, class Y, class Scalar>
RegressionData<Precise> read_data(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                  const Samples<Scalar>& samples, const RegressionOptions& options) {
  constexpr bool same = std::is_same_v<typename X::Scalar, Scalar>;
  static_assert(same, "l0: a matrix, vector or array of another scalar type; convert it with .cast<Scalar>()");
  require(x.rows() > 0, "X", x.rows(), "at least one sample (row)");
  require_shape("y", y.rows(), y.cols(), x.rows(), Columns == 1 ? 1 : std::max<Index>(y.cols(), 1));
  require_finite("y", y);
  validate(options, x.cols());
  return regression_data(design_of<Precise>(x), Matrix<Precise>(as_matrix(y).template cast<Precise>()), samples);
}

/// Brings weights to the sum that they are worth, and columns to standard units.
template <class Precise>
void standardize(RegressionData<Precise>& data, const RegressionOptions& options) {
  data.weight = normalized(data.weight, options.weight_kind);
  data.design->standardize(data.weight, options.fit_intercept);
}

/// The same for a fit of all samples at once: with weights that sum to what they are worth, and standard columns.
template <class Precise, int Columns, class X, class Y, class Scalar>
RegressionData<Precise> read_samples(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                     const Samples<Scalar>& samples, const RegressionOptions& options) {
  RegressionData<Precise> data = read_data<Precise, Columns>(x, y, samples, options);
  standardize(data, options);
  return data;
}

/// The whole fit of a response to data.
template <class Precise>
SparseFit<Precise> fit_data(const RegressionData<Precise>& data, const Response<Precise>& response,
                            const RegressionOptions& options, const std::vector<Index>& start, FitRun& run) {
  if (!data.fold.empty() && (options.lambda_l0 || options.max_features))
    fail("fold", "given", "none where lambda_l0 or max_features says how sparse");
  return fit_sparse(response, *data.design, options, folds_for(response, data.fold, options.folds, options.seed), start,
                    run);
}

}  // namespace l0::detail
