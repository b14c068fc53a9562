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
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/options.hpp>
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

/// The best models of all sizes that `model` would choose from on these data, each refitted. `model` gives the other
/// options (L2, intercept, rules, ...); its own price, budget and callback are not used, and it is not changed.
template <class Model, class X, class Y>
auto regularization_path(const Model& model, const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                         const PathOptions& options = {}) {
  using Scalar = typename Model::Scalar;
  using Family = typename Model::Family;
  RegressionOptions settings = model.options();
  settings.lambda_l0.reset();
  settings.max_features.reset();
  settings.criterion = options.criterion;
  settings.folds = options.folds;
  settings.max_size = options.max_size;
  return detail::with_regression_data<Scalar, Family::target_columns>(
      x, y, Vector<Scalar>(), settings, [&](const auto& design, const auto& target, const auto& weight) {
        const Family family = Model::family_for(target);
        auto selection_settings = detail::selection_options(settings, Family::unknown_variance);
        selection_settings.whole_path = true;
        detail::FitRun run(options.callback);
        selection_settings.run = &run;
        const auto selection = family.select(design, target, weight, selection_settings);
        RegularizationPath<Scalar, Family::responses> path;
        std::vector<double> held;
        Index done = 0;
        path.points = detail::refit_path(family, design, target, weight, selection, selection_settings);
        if (options.folds >= 2 && !run.stopped()) {
          held = detail::cross_validate(family, design, target, weight, selection_settings, options.folds, options.seed,
                                        options.threads, done, options.folds);
        }
        if (!held.empty()) {
          for (auto& point : path.points) {
            point.cv_loss = held[std::min(static_cast<std::size_t>(point.size), held.size() - 1)];
          }
        }
        for (std::size_t k = 1; k < path.points.size(); ++k) {
          const auto& best = path.points[static_cast<std::size_t>(path.best)];
          const bool better =
              !held.empty() ? path.points[k].cv_loss < best.cv_loss : path.points[k].criterion < best.criterion;
          if (better) path.best = static_cast<Index>(k);
        }
        if (run.stopped()) path.stop = StopReason::callback;
        return path;
      });
}

}  // namespace l0
