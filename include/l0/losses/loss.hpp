// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// The value of a loss and its gradient with respect to the prediction, of the prediction's shape.
template <class Scalar>
struct LossResult {
  Scalar value;             ///< mean over the samples
  Matrix<Scalar> gradient;  ///< by the prediction, in its shape
};

/// A loss as a value: loss(prediction, target, gradient) returns the mean over the batch and writes the gradient.
template <class L, class Scalar>
concept Loss = requires(const L loss, const Matrix<Scalar>& prediction, const Matrix<Scalar>& target,
                        Matrix<Scalar>& gradient) {
  { loss(prediction, target, gradient) } -> std::convertible_to<Scalar>;
};

namespace detail {

/// 1/count, or 0 for an empty batch, whose loss is 0.
template <class Scalar>
Scalar mean_scale(Index count) {
  return count == 0 ? Scalar(0) : 1 / static_cast<Scalar>(count);
}

/// total/count, 0 for an empty batch.
template <class Scalar>
Scalar mean_of(double total, Index count) {
  return count == 0 ? Scalar(0) : static_cast<Scalar>(total / static_cast<double>(count));
}

/// The sum of all entries in double, in pieces that are added in their own type: that of a long column of floats keeps
/// its digits.
template <class Derived>
double sum_in_double(const Eigen::DenseBase<Derived>& x) {
  constexpr Index piece = 256;
  double total = 0;
  for (Index j = 0; j < x.cols(); ++j) {
    const auto column = x.derived().col(j);
    for (Index i = 0; i < x.rows(); i += piece) {
      total += static_cast<double>(column.segment(i, std::min(piece, x.rows() - i)).sum());
    }
  }
  return total;
}

/// Refuses a target of another shape; builds with assertions also refuse NaN and infinity in it.
template <class P, class T>
void require_target(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target) {
  require_shape("target", target.rows(), target.cols(), prediction.rows(), prediction.cols());
#ifndef NDEBUG
  require_finite("target", target);
#endif
}

/// Mean over all entries of a loss that is a sum over entries: `value(f, y)` per entry and `slope(f, y)` = dvalue/df.
template <class P, class T, class Value, class Slope>
typename P::Scalar elementwise_loss(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target,
                                    Matrix<typename P::Scalar>& gradient, Value value, Slope slope) {
  using Scalar = typename P::Scalar;
  require_target(prediction, target);
  const auto scale = mean_scale<Scalar>(prediction.size());
  const auto& f = as_matrix(prediction);
  const auto& y = as_matrix_of<Scalar>(target);
  const double total = sum_in_double(f.binaryExpr(y, value));
  gradient.resize(prediction.rows(), prediction.cols());
  gradient = f.binaryExpr(y, slope) * scale;
  return mean_of<Scalar>(total, prediction.size());
}

}  // namespace detail
}  // namespace l0
