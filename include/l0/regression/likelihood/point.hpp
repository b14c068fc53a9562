// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <vector>

#include <l0/core/types.hpp>

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
  bool separable = false;  ///< the likelihood has no maximum: coefficients were stopped on their way to infinity
};

namespace detail {

/// X W + b on the columns of a support.
template <class Design, class Scalar, int Responses>
Eigen::Matrix<Scalar, Eigen::Dynamic, Responses, Eigen::ColMajor> linear_predictor(
    const Design& x, const PathPoint<Scalar, Responses>& point) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Responses, Eigen::ColMajor> eta(x.rows(), point.coefficients.cols());
  for (Index m = 0; m < eta.cols(); ++m) {
    if constexpr (Responses == 1) {
      eta.setConstant(point.intercept);
    } else {
      eta.col(m).setConstant(point.intercept(m));
    }
    for (std::size_t i = 0; i < point.support.size(); ++i) {
      x.add_column(point.support[i], point.coefficients(static_cast<Index>(i), m), eta.col(m));
    }
  }
  return eta;
}

}  // namespace detail
}  // namespace l0
