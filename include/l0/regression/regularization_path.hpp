// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/criterion.hpp>

namespace l0 {

/// Options of `regularization_path`.
struct PathOptions {
  Criterion criterion = Criterion::ebic;  ///< chooses the point `best`, unless folds do
  Index folds = 0;                        ///< ≥ 2: cross validation with so many folds chooses
  Index max_size = 100;                   ///< largest model of the path
  std::uint64_t seed = 0;                 ///< of the folds
  int threads = 1;                        ///< for folds; the result does not depend on it
  AnyCallback callback{};                 ///< as in `RegressionOptions`; a stop leaves the sizes met until then
  FoldRule fold_rule = FoldRule::least;   ///< which size the folds choose
};

/// Models of every size, from the smallest to the largest.
template <class Scalar, int Responses = 1>
struct RegularizationPath {
  std::vector<PathPoint<Scalar, Responses>> points;  ///< by size, ascending
  Index best = 0;                                    ///< place of the chosen one in `points`
  StopReason stop = StopReason::converged;           ///< why the search ended
  std::vector<std::string> feature_names{};          ///< as given to the model; empty: x0, x1, ...

  /// The best point by folds, or else by the criterion.
  const PathPoint<Scalar, Responses>& chosen() const { return points[static_cast<std::size_t>(best)]; }

  /// The name of feature j: as given to the model, else "x0", "x1", ...
  std::string feature_name(Index j) const {
    const auto at = static_cast<std::size_t>(j);
    return at < feature_names.size() ? feature_names[at] : "x" + detail::to_text(j);
  }
  /// The features that are in at some size, ascending.
  std::vector<Index> features() const {
    std::vector<detail::Dependent<Index, Scalar>> all;
    for (const auto& point : points) all.insert(all.end(), point.support.begin(), point.support.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }

  /// One line per point, the chosen one marked: size, λ, mean loss, criterion and, if there are folds, held-out loss
  /// and its standard error.
  std::string table() const {
    std::string text = "  size        lambda          loss     criterion       cv loss      cv error\n";
    for (std::size_t k = 0; k < points.size(); ++k) {
      const auto& point = points[k];
      char line[160];
      std::snprintf(line, sizeof line, "%c %4td  %12.6g  %12.6g  %12.6g  %12.6g  %12.6g\n",
                    static_cast<Index>(k) == best ? '*' : ' ', static_cast<std::ptrdiff_t>(point.size), point.lambda,
                    point.loss, point.criterion, point.cv_loss, point.cv_error);
      text += line;
    }
    return text;
  }
};

namespace detail {

/// The points of a path on the user's scale; the place of the chosen one. What a likelihood estimates beside the
/// coefficients is that of the model which the criterion prefers, the same for all sizes.
template <class Precise>
std::vector<FitPoint<Precise>> fit_path(const Response<Precise>& given, const Design<Precise>& x,
                                        const RegressionOptions& options, const Folds& folds, FitRun& run,
                                        Index& chosen) {
  auto settings = selection_options(options, given.unknown_variance(), given.loss_unit());
  settings.run = &run;
  ChosenSupport<Precise> by_criterion;
  const auto own = settle(given, x, options, settings, run, by_criterion);
  const Response<Precise>& response = own ? *own : given;
  settings.whole_path = true;
  const auto selection = response.select(x, settings);
  std::vector<FitPoint<Precise>> points = refit_path(response, x, selection, settings);
  FoldLosses<Precise> held;
  Index done = 0;
  if (folds.count >= 2 && !run.stopped())
    held = cross_validate(response, x, settings, folds, options.threads, done, folds.count);
  for (auto& point : points) {
    to_users_losses(point, response);
    if (held.empty()) continue;
    const std::size_t k = std::min(static_cast<std::size_t>(point.size), held.size() - 1);
    point.cv_loss = held.mean[k];
    point.cv_error = held.error[k];
  }
  const auto judged = [&](std::size_t k) { return held.empty() ? points[k].criterion : points[k].cv_loss; };
  std::size_t best = 0;
  for (std::size_t k = 1; k < points.size(); ++k) {
    // Far beyond the best size, where a fit does not look, a criterion is no judge: the model may fit anything.
    if (held.empty() && points[k].size > points[best].size + path_patience(points[best].size)) break;
    if (judged(k) < judged(best)) best = k;
  }
  if (!held.empty() && options.fold_rule == FoldRule::one_standard_error) {
    const double enough = points[best].cv_loss + points[best].cv_error;
    best = 0;
    while (!(points[best].cv_loss <= enough)) ++best;
  }
  chosen = static_cast<Index>(best);
  return points;
}

}  // namespace detail

/// The best models of all sizes that `model` would choose from on these data, each refitted. `model` gives the other
/// options (L2, intercept, rules, ...); its own price, budget, aim and callback are not used, and it is not changed.
template <class Model, class X, class Y>
auto regularization_path(const Model& model, const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                         const PathOptions& options = {}, const Samples<typename Model::Scalar>& samples = {}) {
  using Scalar = typename Model::Scalar;
  using Precise = typename Model::Precise;
  constexpr int responses = Model::Coefficients::ColsAtCompileTime;
  RegressionOptions settings = model.options();
  settings.lambda_l0.reset();
  settings.max_features.reset();
  settings.criterion = options.criterion;
  settings.folds = options.folds;
  settings.max_size = options.max_size;
  settings.seed = options.seed;
  settings.threads = options.threads;
  settings.fold_rule = options.fold_rule;
  settings.aim = Aim::support;
  const auto data = detail::read_samples<Precise, Model::target_columns, Model::has_labels>(x, y, samples, settings);
  const auto response = model.response_for(data, settings);
  const auto folds = detail::folds_for<Precise>(*response, data.fold, options.folds, options.seed);
  if (options.fold_rule != FoldRule::least && folds.count < 2)
    detail::fail("fold_rule", "one_standard_error", "least where no folds choose");
  detail::FitRun run(options.callback);
  RegularizationPath<Scalar, responses> path;
  path.feature_names = settings.feature_names;
  for (const auto& point : detail::fit_path<Precise>(*response, *data.design, settings, folds, run, path.best))
    path.points.push_back(detail::on_users_scale<Scalar, responses>(point, *data.design, response->unit()));
  if (run.stopped()) path.stop = StopReason::callback;
  return path;
}

}  // namespace l0
