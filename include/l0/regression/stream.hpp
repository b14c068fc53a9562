// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/regression/covariance.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/least_squares.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/select.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/support_refits.hpp>

namespace l0::detail {

/// Refuses what a fit on moments cannot do.
inline void require_streamable(const RegressionOptions& options, Index known, Index columns, bool first) {
  if (!first && known != columns) {
    fail("X", to_text(columns) + " features", to_text(known) + ", as in earlier calls of partial_fit");
  }
  if (options.aim != Aim::support)
    fail("aim", "prediction", "support in partial_fit, which keeps no samples to hold out");
  if (options.folds >= 2) fail("folds", to_text(options.folds), "0 in partial_fit, which keeps no samples");
  if (options.fold_rule != FoldRule::least) fail("fold_rule", "one_standard_error", "least where no folds choose");
  if (options.gates != GateMode::noise_free) fail("gates", "sampled or off", "noise_free in partial_fit");
}

template <class Precise>
LeastSquaresProblem<Precise> pose(const Moments<Precise>& moments, bool centre) {
  auto columns = std::make_unique<StandardizedMoments<Precise>>(moments, centre);
  Matrix<Precise> correlation(moments.columns(), moments.responses());
  for (Index j = 0; j < correlation.rows(); ++j) correlation.row(j) = moments.target(j, centre) * columns->scale(j);
  return {std::move(columns), std::move(correlation), moments.squares(centre).sum()};
}

/// Standard errors of a fit on standardized moments, from their products alone: those of the model. `squares` are of
/// the residuals of each response, empty where the deviance knows its variance; `count` are the samples, `unit` that of
/// the targets.
template <class Precise>
StandardErrors<Precise> errors_of_moments(const Moments<Precise>& moments, const std::vector<Index>& support,
                                          bool centre, Precise ridge, const RowVector<Precise>& squares, Precise count,
                                          Precise unit) {
  const auto k = static_cast<Index>(support.size());
  const Index first = centre ? 1 : 0;
  Matrix<Precise> gram = Matrix<Precise>::Zero(first + k, first + k);
  Vector<Precise> level(k), scale(k);
  if (centre) gram(0, 0) = moments.total();
  for (Index i = 0; i < k; ++i) {
    const Index j = support[static_cast<std::size_t>(i)];
    for (Index l = 0; l < k; ++l) {
      gram(first + i, first + l) = moments.product(j, support[static_cast<std::size_t>(l)], centre);
    }
    level(i) = centre ? moments.level(j) : Precise(0);
    scale(i) = moments.unit(j);
  }
  const Coordinates<Precise> coordinates(gram / moments.total());
  const auto& basis = coordinates.basis;
  Matrix<Precise> penalty = Matrix<Precise>::Zero(first + k, first + k);
  penalty.diagonal().tail(k).setConstant(ridge);
  const Matrix<Precise> functions = users_functions<Precise>(level, scale, centre, unit);
  std::vector<char> told = told_by(functions, coordinates.open);
  const Matrix<Precise> own = basis.transpose() * gram * basis;
  const Matrix<Precise> inverse = inverse_of<Precise>(own + basis.transpose() * penalty * basis);
  StandardErrors<Precise> errors;
  Matrix<Precise> variance = Matrix<Precise>::Ones(1, moments.responses());
  if (squares.size() > 0) {
    const Precise degrees = count - static_cast<Precise>(basis.cols());
    const bool has_degrees = degrees > Precise(1e-9) * count;
    errors.degrees = has_degrees ? static_cast<double>(degrees) : 0.0;
    if (!has_degrees) std::fill(told.begin(), told.end(), char(0));
    variance = squares.cwiseMax(Precise(0)) / degrees;
  }
  const Matrix<Precise> one = Matrix<Precise>::Ones(1, 1);
  const Matrix<Precise> spread = inverse * own * inverse;
  errors.model.resize(functions.rows(), variance.cols());
  for (Index m = 0; m < variance.cols(); ++m)
    errors.model.col(m) = errors_of<Precise>(spread * variance(m), functions * basis, one, told);
  return errors;
}

/// Selects and fits on moments; after a stop fits to the columns of `start`. With `unknown_variance` the squares are
/// those of residuals, in units of unit², else a deviance. The point is on the scale of the columns, in that unit.
template <class Precise>
SparseFit<Precise> fit_moments(const Moments<Precise>& sums, const RegressionOptions& options, bool unknown_variance,
                               Precise unit, Precise epsilon, const std::vector<Index>& start, FitRun& run) {
  SelectionOptions settings = selection_options(options, unknown_variance, unit * unit, start);
  settings.score.squares_are_deviance = !unknown_variance;
  settings.run = &run;
  const Moments<Precise> moments = sums.standardized(options.weight_kind, settings.centre, epsilon);
  const double samples = sums.worth(options.weight_kind);
  const LeastSquaresProblem<Precise> problem = pose(moments, settings.centre);
  // Every Gram row is at hand, so nothing is screened.
  settings.score = complete_score(settings, samples, moments.columns(), moments.responses());
  SelectionOptions searched = settings;  // an L2 penalty of λ₂ on half a deviance is one of 2λ₂ on the squares
  searched.lambda_l2 *= unknown_variance ? 1 : 2;
  SelectionResult selection;
  if (run.stopped()) {
    selection.best.support = start;
  } else {
    const auto search = [&](SelectionOptions own) {
      const Index limit = complete_for_squares(own, problem, sums.rows());
      return search_least_squares(problem, own, limit);
    };
    selection = in_columns(search_at_price(searched, settings.rules.units.count(moments.columns()), search),
                           settings.rules.units);
  }
  SparseFit<Precise> fit;
  auto& point = fit.point;
  point.support = selection.best.support;
  std::sort(point.support.begin(), point.support.end());
  const auto k = static_cast<Index>(point.support.size());
  const auto at = [&](Index i) { return point.support[static_cast<std::size_t>(i)]; };
  const Precise ridge = samples * searched.lambda_l2;
  Matrix<Precise> gram(k, k), correlation(k, moments.responses());
  for (Index i = 0; i < k; ++i) {
    for (Index l = 0; l < k; ++l) gram(i, l) = moments.product(at(i), at(l), settings.centre);
    gram(i, i) += ridge;
    correlation.row(i) = moments.target(at(i), settings.centre);
  }
  Matrix<Precise> coefficients(k, moments.responses());
  if (k > 0) {
    const LeastNormSolver<Precise> solver(gram);
    coefficients = solver.solve(correlation);
    coefficients += solver.solve(correlation - gram * coefficients);
    point.dependent = k - solver.rank();
  }
  const RowVector<Precise> of_each =
      moments.squares(settings.centre) - 2 * coefficients.cwiseProduct(correlation).colwise().sum() +
      coefficients.cwiseProduct(gram * coefficients).colwise().sum() - ridge * coefficients.colwise().squaredNorm();
  const Precise squares = of_each.sum();
  fit.errors = errors_of_moments<Precise>(
      moments, point.support, settings.centre, ridge, unknown_variance ? of_each : RowVector<Precise>(),
      options.weight_kind == WeightKind::frequency ? sums.weights() : static_cast<Precise>(sums.rows()), unit);
  point.intercept = RowVector<Precise>::Zero(moments.responses());
  if (settings.centre) point.intercept = moments.intercept(point.support, coefficients);
  for (Index i = 0; i < k; ++i) coefficients.row(i) *= moments.unit(at(i));
  point.coefficients = std::move(coefficients);
  point.loss = std::max(squares, Precise(0)) / (samples * (unknown_variance ? 1 : 2));
  const std::vector<Index> units = settings.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  SupportScore score = settings.score;
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  point.criterion = score.of_squares(std::max(squares, Precise(0)), settings.rules.units.size_of(units));
  fit.importance =
      importance_of<Precise>(problem, ridge, settings, judging_score(settings, score), point.support, by_squares);
  fit.report.lambda = options.lambda_l0.value_or(0);
  Index smaller = 0;
  const FoundSupport* below = options.lambda_l0 ? nullptr : next_below(selection, point.size, smaller);
  if (below != nullptr) {
    const double more = below->loss / (samples * (unknown_variance ? 1 : 2)) - point.loss;
    fit.report.lambda = std::max(0.0, more) * settings.score.loss_unit / static_cast<double>(point.size - smaller);
  }
  if (unknown_variance) {
    point.loss *= unit * unit;
    point.criterion += samples * static_cast<double>(moments.responses()) * 2 * std::log(unit);
  }
  Index constant = 0;
  for (Index j = 0; j < moments.columns(); ++j) constant += moments.unit(j) > 0 ? 0 : 1;
  describe(fit, options, settings.rules.units.trivial(), constant, options.lambda_l2, run);
  return fit;
}

}  // namespace l0::detail
