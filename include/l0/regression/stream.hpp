// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <Eigen/QR>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_search.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Refuses what a fit on moments cannot do.
inline void require_streamable(const RegressionOptions& options, Index known, Index columns, bool first) {
  if (!first && known != columns) {
    fail("X", to_text(columns) + " features", to_text(known) + ", as in earlier calls of partial_fit");
  }
  if (options.folds >= 2) fail("folds", to_text(options.folds), "0 in partial_fit, which keeps no samples");
  if (options.gates != GateMode::noise_free) fail("gates", "sampled or off", "noise_free in partial_fit");
}

template <class Scalar>
LeastSquaresProblem<Scalar> pose(const Moments<Scalar>& moments, bool centre) {
  auto columns = std::make_unique<StandardizedMoments<Scalar>>(moments, centre);
  Matrix<Scalar> correlation(moments.columns(), moments.responses());
  for (Index j = 0; j < correlation.rows(); ++j) correlation.row(j) = moments.target(j, centre) * columns->scale(j);
  return {std::move(columns), std::move(correlation), moments.squares(centre)};
}

/// Selects and fits on moments; after a stop fits to the columns of `start`. With `unknown_variance` the squares are
/// those of residuals, else a deviance.
template <class Scalar, int Responses, class Precise>
SparseFit<Scalar, Responses> fit_moments(const Moments<Precise>& moments, const RegressionOptions& options,
                                         bool unknown_variance, const std::vector<Index>& start, FitRun& run) {
  SelectionOptions settings = selection_options(options, unknown_variance, start);
  settings.score.squares_are_deviance = !unknown_variance;
  settings.run = &run;
  const LeastSquaresProblem<Precise> problem = pose(moments, settings.centre);
  // Every Gram row is at hand, so nothing is screened.
  settings.score = complete_score(settings, moments.rows(), moments.columns(), moments.responses());
  SelectionOptions searched = settings;
  const Index limit = complete_for_squares(searched, problem, moments.rows(), moments.columns());
  SelectionResult selection;
  if (run.stopped()) {
    selection.best.support = start;
  } else {
    selection = in_columns(search_least_squares(problem, searched, limit), settings.rules.units);
  }
  SparseFit<Scalar, Responses> fit;
  auto& point = fit.point;
  point.support = selection.best.support;
  std::sort(point.support.begin(), point.support.end());
  const auto k = static_cast<Index>(point.support.size());
  const auto at = [&](Index i) { return point.support[static_cast<std::size_t>(i)]; };
  const double ridge = static_cast<double>(moments.rows()) * options.lambda_l2 * (unknown_variance ? 1 : 2);
  Matrix<Precise> gram(k, k), correlation(k, moments.responses());
  for (Index i = 0; i < k; ++i) {
    for (Index l = 0; l < k; ++l) gram(i, l) = moments.product(at(i), at(l), settings.centre);
    gram(i, i) += ridge;
    correlation.row(i) = moments.target(at(i), settings.centre);
  }
  Matrix<Precise> coefficients(k, moments.responses());
  if (k > 0) {
    // Columns of unit length, so that the rank does not depend on units.
    const Vector<Precise> scale = gram.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
    const Matrix<Precise> scaled = scale.asDiagonal() * gram * scale.asDiagonal();
    coefficients = scale.asDiagonal() * scaled.colPivHouseholderQr().solve(scale.asDiagonal() * correlation);
  }
  const double squares = moments.squares(settings.centre) - 2 * coefficients.cwiseProduct(correlation).sum() +
                         coefficients.cwiseProduct((gram * coefficients)).sum() - ridge * coefficients.squaredNorm();
  point.coefficients = coefficients.template cast<Scalar>();
  RowVector<Precise> intercept = RowVector<Precise>::Zero(moments.responses());
  if (settings.centre) intercept = moments.intercept(point.support, coefficients);
  point.intercept = to_intercept<Scalar, Responses>(intercept);
  point.loss = std::max(squares, 0.0) / (static_cast<double>(moments.rows()) * (unknown_variance ? 1 : 2));
  const std::vector<Index> units = settings.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  SupportScore score = settings.score;
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  point.criterion = score.of_squares(squares, settings.rules.units.size_of(units));
  fit.importance = importance_of<Scalar>(problem, ridge, settings, score, point.support, by_squares);
  if (run.stopped()) fit.report.stop = StopReason::callback;
  fit.report.size = point.size;
  fit.report.loss = point.loss;
  fit.report.criterion = point.criterion;
  fit.report.lambda = options.lambda_l0.value_or(0);
  fit.report.lambda_l2 = options.lambda_l2;
  fit.report.seconds = run.seconds();
  return fit;
}

}  // namespace l0::detail
