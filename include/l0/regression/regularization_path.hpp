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
};

/// Models of every size, from the smallest to the largest.
template <class Scalar, int Responses = 1>
struct RegularizationPath {
  std::vector<PathPoint<Scalar, Responses>> points;  ///< by size, ascending
  Index best = 0;                                    ///< place of the chosen one in `points`
  StopReason stop = StopReason::converged;           ///< why the search ended

  /// The best point by folds, or else by the criterion.
  const PathPoint<Scalar, Responses>& chosen() const { return points[static_cast<std::size_t>(best)]; }

  /// One line per point, the chosen one marked: size, λ, mean loss, criterion and, if there is one, held-out loss.
  std::string table() const {
    std::string text = "  size        lambda          loss     criterion       cv loss\n";
    for (std::size_t k = 0; k < points.size(); ++k) {
      const auto& point = points[k];
      char line[120];
      std::snprintf(line, sizeof line, "%c %4td  %12.6g  %12.6g  %12.6g  %12.6g\n",
                    static_cast<Index>(k) == best ? '*' : ' ', static_cast<std::ptrdiff_t>(point.size), point.lambda,
                    point.loss, point.criterion, point.cv_loss);
      text += line;
    }
    return text;
  }

  /// The same with a header and commas, for other programs.
  std::string csv() const {
    std::string text = "size,lambda,loss,criterion,cv_loss,support\n";
    for (const auto& point : points) {
      char line[120];
      std::snprintf(line, sizeof line, "%td,%.17g,%.17g,%.17g,%.17g,", static_cast<std::ptrdiff_t>(point.size),
                    point.lambda, point.loss, point.criterion, point.cv_loss);
      text += line;
      for (std::size_t i = 0; i < point.support.size(); ++i)
        text += (i > 0 ? " " : "") + detail::to_text(point.support[i]);
      text += "\n";
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
  std::vector<Precise> held;
  Index done = 0;
  if (folds.count >= 2 && !run.stopped())
    held = cross_validate(response, x, settings, folds, options.threads, done, folds.count);
  for (auto& point : points) {
    to_users_losses(point, response);
    if (!held.empty()) point.cv_loss = held[std::min(static_cast<std::size_t>(point.size), held.size() - 1)];
  }
  const auto judged = [&](std::size_t k) { return held.empty() ? points[k].criterion : points[k].cv_loss; };
  chosen = 0;
  for (std::size_t k = 1; k < points.size(); ++k) {
    const Index best_size = points[static_cast<std::size_t>(chosen)].size;
    // Far beyond the best size, where a fit does not look, a criterion is no judge: the model may fit anything.
    if (held.empty() && points[k].size > best_size + path_patience(best_size)) break;
    if (judged(k) < judged(static_cast<std::size_t>(chosen))) chosen = static_cast<Index>(k);
  }
  return points;
}

}  // namespace detail

/// The best models of all sizes that `model` would choose from on these data, each refitted. `model` gives the other
/// options (L2, intercept, rules, ...); its own price, budget and callback are not used, and it is not changed.
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
  const auto data = detail::read_samples<Precise, Model::target_columns, Model::has_labels>(x, y, samples, settings);
  const auto response = model.response_for(data, settings);
  const auto folds = detail::folds_for<Precise>(*response, data.fold, options.folds, options.seed);
  detail::FitRun run(options.callback);
  RegularizationPath<Scalar, responses> path;
  for (const auto& point : detail::fit_path<Precise>(*response, *data.design, settings, folds, run, path.best))
    path.points.push_back(detail::on_users_scale<Scalar, responses>(point, *data.design, response->unit()));
  if (run.stopped()) path.stop = StopReason::callback;
  return path;
}

}  // namespace l0
