// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0 {

namespace detail {

/// A number for one response, a row for several.
template <class Scalar, int Responses>
using Intercept = std::conditional_t<Responses == 1, Scalar, Eigen::Matrix<Scalar, 1, Eigen::Dynamic>>;

template <class Scalar, int Responses, class Row>
Intercept<Scalar, Responses> to_intercept(const Row& row) {
  if constexpr (Responses == 1) {
    return static_cast<Scalar>(row(0));
  } else {
    return row.template cast<Scalar>();
  }
}

}  // namespace detail

/// One model of a path: the best support found of its size, refitted. With several responses (or classes) a row of
/// coefficients and an intercept for each.
template <class Scalar, int Responses = 1>
struct PathPoint {
  Index size = 0;              ///< features; with groups, groups
  double lambda = 0;           ///< price at which the last feature just pays: the drop in mean loss it brought
  std::vector<Index> support;  ///< columns of X, ascending
  Eigen::Matrix<Scalar, Eigen::Dynamic, Responses, Eigen::ColMajor> coefficients;  ///< of the support, in its order
  detail::Intercept<Scalar, Responses> intercept{};                                ///< of each response
  double loss = 0;                                                                 ///< mean loss on the data of the fit
  double criterion = 0;    ///< what `.criterion` charges; smaller is better
  double cv_loss = 0;      ///< mean loss on the held-out folds; NaN without cross validation
  Index dependent = 0;     ///< columns of the support that others of it make up: the coefficients are of least norm
  bool separable = false;  ///< the likelihood has no maximum: coefficients were stopped on their way to infinity
  double cv_error = 0;     ///< standard error of `cv_loss`, by the folds
};

namespace detail {

/// A point while a fit goes on: in the units of the design and of its targets.
template <class Precise>
using FitPoint = PathPoint<Precise, Eigen::Dynamic>;

/// The coefficients of the design's columns as a search left them, to its digits: a row per column. Enough to tell
/// which of several supports predicts better, and where a refit may start.
struct RoughFit {
  std::vector<Index> columns;
  Matrix<double> coefficients;
  RowVector<double> intercept;
};

/// That as a point.
template <class Precise>
FitPoint<Precise> point_of(const RoughFit& fit) {
  FitPoint<Precise> point;
  point.support = fit.columns;
  point.coefficients = fit.coefficients.template cast<Precise>();
  point.intercept = fit.intercept.template cast<Precise>();
  return point;
}

/// X̂ W + b on the columns of a support.
template <class Precise>
Matrix<Precise> linear_predictor(const Design<Precise>& x, const FitPoint<Precise>& point) {
  Matrix<Precise> eta = point.intercept.replicate(x.rows(), 1);
  for (std::size_t i = 0; i < point.support.size(); ++i) {
    for (Index m = 0; m < eta.cols(); ++m)
      x.add_column(point.support[i], point.coefficients(static_cast<Index>(i), m), eta.col(m));
  }
  return eta;
}

/// The point on the scale of X, for targets in units of `unit`.
template <class Scalar, int Responses, class Precise>
PathPoint<Scalar, Responses> on_users_scale(const FitPoint<Precise>& fit, const Design<Precise>& x, Precise unit) {
  PathPoint<Scalar, Responses> point;
  point.size = fit.size;
  point.lambda = fit.lambda;
  point.support = fit.support;
  point.loss = fit.loss;
  point.criterion = fit.criterion;
  point.cv_loss = fit.cv_loss;
  point.cv_error = fit.cv_error;
  point.separable = fit.separable;
  point.dependent = fit.dependent;
  Matrix<Precise> coefficients = fit.coefficients * unit;
  RowVector<Precise> intercept = fit.intercept * unit;
  for (std::size_t i = 0; i < fit.support.size(); ++i) {
    const auto row = static_cast<Index>(i);
    coefficients.row(row) *= x.unit(fit.support[i]);
    intercept -= coefficients.row(row) * x.origin(fit.support[i]);
  }
  point.coefficients = coefficients.template cast<Scalar>();
  point.intercept = to_intercept<Scalar, Responses>(intercept);
  return point;
}

}  // namespace detail
}  // namespace l0
