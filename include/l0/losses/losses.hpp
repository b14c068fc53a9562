// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// losses/: from predictions and targets to a number and where it falls.
///
///     prediction (samples × outputs), target (numbers of that shape, or a label per sample)
///       ▼ loss(prediction, target, gradient)     checks the shapes and the range of the targets
///     the mean over the batch; `gradient`, by the prediction, goes to the model's backward
///
/// Losses know neither models nor gates; each is one function here, and a user's satisfies `Loss` (loss.hpp).

#include <algorithm>
#include <cmath>

#include <l0/core/argument.hpp>
#include <l0/losses/loss.hpp>

namespace l0 {

/// Mean squared error (1/nk) Σ (f − y)² over all entries; prediction f and target y are n × k. Writes
/// 2(f − y)/nk to `gradient`. Throws `Error` where the shapes differ.
template <class P, class T>
typename P::Scalar mse_loss(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target,
                            Matrix<typename P::Scalar>& gradient) {
  using Scalar = typename P::Scalar;
  detail::require_target(prediction, target);
  const auto scale = detail::mean_scale<Scalar>(prediction.size());
  gradient = detail::as_matrix(prediction) - detail::as_matrix_of<Scalar>(target);
  const double total = detail::sum_in_double(gradient.cwiseAbs2());
  gradient *= 2 * scale;
  return detail::mean_of<Scalar>(total, prediction.size());
}

/// Binary cross entropy on logits, the mean of log(1 + eᶠ) − y f over all entries, for y in [0, 1]; finite for every
/// finite logit. Writes (σ(f) − y)/nk to `gradient`. Throws `Error` where the shapes differ or y is outside [0, 1].
template <class P, class T>
typename P::Scalar binary_cross_entropy_loss(const Eigen::DenseBase<P>& logits, const Eigen::DenseBase<T>& target,
                                             Matrix<typename P::Scalar>& gradient) {
  using Scalar = typename P::Scalar;
  for (Index j = 0; j < target.cols(); ++j) {
    for (Index i = 0; i < target.rows(); ++i) {
      const auto y = target.derived().coeff(i, j);
      detail::require(y >= 0 && y <= 1, "target", y, "probabilities or labels in [0, 1]");
    }
  }
  return detail::elementwise_loss(
      logits, target, gradient,
      // log(1 + eᶠ) = max(f, 0) + log1p(e^−|f|)
      [](Scalar f, Scalar y) { return std::max(f, Scalar(0)) - y * f + std::log1p(std::exp(-std::abs(f))); },
      [](Scalar f, Scalar y) {
        const Scalar e = std::exp(-std::abs(f));
        return (f >= 0 ? 1 / (1 + e) : e / (1 + e)) - y;
      });
}

/// Softmax cross entropy, the mean over rows of log Σ_c exp f_c − Σ_c y_c f_c for rows y of class probabilities that
/// sum to 1; finite for every finite logit. Writes (softmax(f) − y)/n to `gradient`.
template <class P, class T>
  requires(!std::integral<typename T::Scalar>)
typename P::Scalar cross_entropy_loss(const Eigen::DenseBase<P>& logits, const Eigen::DenseBase<T>& target,
                                      Matrix<typename P::Scalar>& gradient) {
  using Scalar = typename P::Scalar;
  detail::require_target(logits, target);
  const auto& f = detail::as_matrix(logits);
  const auto& y = detail::as_matrix_of<Scalar>(target);
  const auto scale = detail::mean_scale<Scalar>(logits.rows());
  gradient.resize(logits.rows(), logits.cols());
  double total = 0;
  for (Index i = 0; i < logits.rows(); ++i) {
    const Scalar largest = f.row(i).maxCoeff();
    gradient.row(i) = (f.row(i).array() - largest).exp();
    const Scalar sum = gradient.row(i).sum();
    total += static_cast<double>(std::log(sum) + largest * y.row(i).sum() - y.row(i).dot(f.row(i)));
    gradient.row(i) = (gradient.row(i) / sum - y.row(i)) * scale;
  }
  return detail::mean_of<Scalar>(total, logits.rows());
}

/// The same with one class label 0, 1, ... per row, an integer vector. With `smoothing` ε the class has the probability
/// 1 − ε + ε/k and each other of the k classes ε/k (Szegedy et al., CVPR 2016, arXiv:1512.00567, section 7). Throws
/// `Error` for a label outside the columns and ε outside [0, 1].
template <class P, class T>
  requires std::integral<typename T::Scalar>
typename P::Scalar cross_entropy_loss(const Eigen::DenseBase<P>& logits, const Eigen::DenseBase<T>& labels,
                                      Matrix<typename P::Scalar>& gradient, double smoothing = 0) {
  using Scalar = typename P::Scalar;
  detail::require(smoothing >= 0 && smoothing <= 1, "label_smoothing", smoothing, "a share in [0, 1]");
  detail::require_shape("labels", labels.rows(), labels.cols(), logits.rows(), 1);
  for (Index i = 0; i < labels.rows(); ++i) {
    const auto label = static_cast<Index>(labels.derived().coeff(i, 0));
    if (label < 0 || label >= logits.cols()) {
      detail::fail("label", detail::to_text(label), "a class in [0, " + detail::to_text(logits.cols()) + ")");
    }
  }
  const auto& f = detail::as_matrix(logits);
  const auto scale = detail::mean_scale<Scalar>(logits.rows());
  const auto share = static_cast<Scalar>(smoothing / static_cast<double>(std::max<Index>(logits.cols(), 1)));
  const auto rest = static_cast<Scalar>(1 - smoothing);
  gradient.resize(logits.rows(), logits.cols());
  double total = 0;
  for (Index i = 0; i < logits.rows(); ++i) {
    const auto label = static_cast<Index>(labels.derived().coeff(i, 0));
    const Scalar largest = f.row(i).maxCoeff();
    gradient.row(i) = (f.row(i).array() - largest).exp();
    const Scalar sum = gradient.row(i).sum();
    Scalar value = std::log(sum) + rest * (largest - f.coeff(i, label));
    if (smoothing > 0) value += share * (largest - f.row(i).array()).sum();
    total += static_cast<double>(value);
    gradient.row(i) *= scale / sum;
    if (smoothing > 0) gradient.row(i).array() -= share * scale;
    gradient(i, label) -= rest * scale;
  }
  return detail::mean_of<Scalar>(total, logits.rows());
}

/// `cross_entropy_loss` as a value, with label smoothing: `trainer.fit(X, labels, penalty, l0::CrossEntropy{0.1})`.
struct CrossEntropy {
  double label_smoothing = 0;  ///< in [0, 1]

  /// The loss; its gradient by the logits goes into `gradient`. Targets are labels, or rows of class probabilities that
  /// are smoothed alike.
  template <class P, class T>
  typename P::Scalar operator()(const Eigen::DenseBase<P>& logits, const Eigen::DenseBase<T>& target,
                                Matrix<typename P::Scalar>& gradient) const {
    if constexpr (std::integral<typename T::Scalar>) {
      return cross_entropy_loss(logits, target, gradient, label_smoothing);
    } else {
      using Scalar = typename P::Scalar;
      detail::require(label_smoothing >= 0 && label_smoothing <= 1, "label_smoothing", label_smoothing,
                      "a share in [0, 1]");
      const auto rest = static_cast<Scalar>(1 - label_smoothing);
      const auto share = static_cast<Scalar>(label_smoothing / static_cast<double>(std::max<Index>(logits.cols(), 1)));
      const Matrix<Scalar> smooth = (rest * detail::as_matrix_of<Scalar>(target)).array() + share;
      return cross_entropy_loss(logits, smooth, gradient);
    }
  }
};

/// Poisson loss with log link, the mean of eᶠ − y f over all entries, for counts y ≥ 0 (the term log y! is left out).
/// Writes (eᶠ − y)/nk to `gradient`. Throws `Error` where the shapes differ or y is negative.
template <class P, class T>
typename P::Scalar poisson_loss(const Eigen::DenseBase<P>& log_rate, const Eigen::DenseBase<T>& target,
                                Matrix<typename P::Scalar>& gradient) {
  using Scalar = typename P::Scalar;
  for (Index j = 0; j < target.cols(); ++j) {
    for (Index i = 0; i < target.rows(); ++i) {
      const auto y = target.derived().coeff(i, j);
      detail::require(y >= 0, "target", y, "counts >= 0");
    }
  }
  return detail::elementwise_loss(
      log_rate, target, gradient, [](Scalar f, Scalar y) { return std::exp(f) - y * f; },
      [](Scalar f, Scalar y) { return std::exp(f) - y; });
}

/// The same losses with a gradient of their own: `auto [value, gradient] = mse_loss(prediction, target)`.
template <class P, class T>
LossResult<typename P::Scalar> mse_loss(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target) {
  LossResult<typename P::Scalar> result{};
  result.value = mse_loss(prediction, target, result.gradient);
  return result;
}

/// The same with a gradient of its own.
template <class P, class T>
LossResult<typename P::Scalar> binary_cross_entropy_loss(const Eigen::DenseBase<P>& logits,
                                                         const Eigen::DenseBase<T>& target) {
  LossResult<typename P::Scalar> result{};
  result.value = binary_cross_entropy_loss(logits, target, result.gradient);
  return result;
}

/// The same with a gradient of its own.
template <class P, class T>
LossResult<typename P::Scalar> cross_entropy_loss(const Eigen::DenseBase<P>& logits,
                                                  const Eigen::DenseBase<T>& target) {
  LossResult<typename P::Scalar> result{};
  result.value = cross_entropy_loss(logits, target, result.gradient);
  return result;
}

/// The same with a gradient of its own.
template <class P, class T>
LossResult<typename P::Scalar> poisson_loss(const Eigen::DenseBase<P>& log_rate, const Eigen::DenseBase<T>& target) {
  LossResult<typename P::Scalar> result{};
  result.value = poisson_loss(log_rate, target, result.gradient);
  return result;
}

}  // namespace l0
