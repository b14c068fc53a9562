// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>

#include <l0/core/argument.hpp>
#include <l0/losses/losses.hpp>
#include <l0/training/batches.hpp>

namespace l0 {

/// Whether labels or numbers: the loss that a trainer takes unless told otherwise, cross entropy for integer labels,
/// mean squared error for numbers.
struct DefaultLoss {
  /// The loss; its gradient by the prediction goes into `gradient`.
  template <class P, class T>
  typename P::Scalar operator()(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target,
                                Matrix<typename P::Scalar>& gradient) const {
    if constexpr (std::integral<typename T::Scalar>) {
      return cross_entropy_loss(prediction, target, gradient);
    } else {
      return mse_loss(prediction, target, gradient);
    }
  }
};

/// Mean loss of a model on data, and the share of samples whose largest output is not their label (NaN without labels).
struct Score {
  double loss = 0;                                          ///< mean over the samples
  double error = std::numeric_limits<double>::quiet_NaN();  ///< share of wrong labels; NaN where there are none
};

/// Mean loss and share of wrong labels of `predict` on data, a thousand samples at a time.
template <class Model, class X, class Y, class Loss = DefaultLoss>
Score evaluate(const Model& model, const X& x, const Eigen::DenseBase<Y>& y, const Loss& loss = {}) {
  using Scalar = typename Model::Scalar;
  detail::require_shape("y", y.rows(), y.cols(), x.rows(), y.cols());
  constexpr Index at_once = 1000;
  Matrix<Scalar> gradient;
  double total = 0;
  Index wrong = 0;
  decltype(auto) rows = detail::by_rows<Scalar>(x);
  for (Index first = 0; first < x.rows(); first += at_once) {
    const Index count = std::min(at_once, x.rows() - first);
    const Matrix<Scalar> prediction = model.predict(detail::row_block<Scalar>(rows, first, count));
    const auto target = detail::as_matrix(y).middleRows(first, count);
    total += static_cast<double>(loss(prediction, target, gradient)) * static_cast<double>(count);
    if constexpr (std::integral<typename Y::Scalar>) {
      for (Index i = 0; i < count; ++i) {
        Index label = 0;
        prediction.row(i).maxCoeff(&label);
        wrong += label == static_cast<Index>(target(i, 0)) ? 0 : 1;
      }
    }
  }
  const double share = x.rows() == 0 ? 0 : 1 / static_cast<double>(x.rows());
  Score result{total * share};
  if constexpr (std::integral<typename Y::Scalar>) result.error = static_cast<double>(wrong) * share;
  return result;
}

}  // namespace l0
