// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include <l0/core/types.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0::detail {

/// Labels 0, ..., K−1 with P(y = c) ∝ e^{η_c} (McCullagh & Nelder 1989, ch. 5). Adding the same to all η_c changes
/// nothing, so the K predictors are written as η = θ Qᵀ with the K−1 orthonormal contrasts Q of Helmert: θ is free, and
/// the coefficients of the classes sum to zero, which is also where an L2 penalty on them leads.
template <class Precise_>
class MultinomialLikelihood {
 public:
  using Precise = Precise_;

  MultinomialLikelihood(Vector<Precise> labels, Vector<Precise> weight, Index classes)
      : labels_(std::move(labels)), weight_(std::move(weight)), contrasts_(helmert(classes)) {}

  /// K × (K−1), orthonormal columns that sum to 0.
  static Matrix<Precise> helmert(Index classes) {
    Matrix<Precise> q = Matrix<Precise>::Zero(classes, classes - 1);
    for (Index c = 0; c + 1 < classes; ++c) {
      const auto ahead = static_cast<double>(c + 1);
      q.col(c).head(c + 1).setConstant(1 / std::sqrt(ahead * (ahead + 1)));
      q(c + 1, c) = -ahead / std::sqrt(ahead * (ahead + 1));
    }
    return q;
  }

  Index samples() const { return labels_.size(); }
  Index classes() const { return contrasts_.rows(); }
  Index responses() const { return contrasts_.cols(); }
  const Vector<Precise>& weights() const { return weight_; }

  /// Finite also where a class has no samples.
  RowVector<Precise> null_intercept() const {
    RowVector<Precise> share = RowVector<Precise>::Zero(classes());
    for (Index i = 0; i < samples(); ++i) share(static_cast<Index>(labels_(i))) += weight_(i);
    const double least = 0.5 / std::max(static_cast<double>(samples()), 1.0);
    share = (share / weight_.sum()).cwiseMax(least).array().log().matrix();
    return share * contrasts_;
  }

  /// `curvature` holds the probabilities of the classes.
  void evaluate(LikelihoodPoint<Precise>& point) const {
    point.curvature.noalias() = point.eta * contrasts_.transpose();
    point.deviance = 0;
    for (Index i = 0; i < samples(); ++i) {
      auto p = point.curvature.row(i);
      const auto label = static_cast<Index>(labels_(i));
      const double highest = p.maxCoeff();
      const double own = p(label) - highest;
      p = (p.array() - highest).exp().matrix();
      const double total = p.sum();
      point.deviance += 2 * weight_(i) * (std::log(total) - own);
      p /= total;
    }
    error_ = -point.curvature;
    for (Index i = 0; i < samples(); ++i) error_(i, static_cast<Index>(labels_(i))) += 1;
    error_.array().colwise() *= weight_.array();
    point.residual.noalias() = error_ * contrasts_;
  }

  void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
               Matrix<Precise>& result) const {
    const Index q = A.cols();
    const Index m = responses();
    const Matrix<Precise> mean = point.curvature * contrasts_;
    result.resize(q * m, q * m);
    for (Index c = 0; c < m; ++c) {
      for (Index d = 0; d <= c; ++d) {
        const Vector<Precise> product = contrasts_.col(c).cwiseProduct(contrasts_.col(d));
        const Vector<Precise> h =
            (point.curvature * product - mean.col(c).cwiseProduct(mean.col(d))).cwiseProduct(weight_);
        scratch.noalias() = h.asDiagonal() * A;
        result.block(c * q, d * q, q, q).noalias() = A.transpose() * scratch;
      }
    }
  }

  void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const {
    result = (1 - point.curvature.rowwise().squaredNorm().array()) / static_cast<double>(responses());
    result = result.cwiseMax(least_glm_weight).cwiseProduct(weight_);
  }

  double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const {
    const Matrix<Precise> classes_moved = moved * contrasts_.transpose();
    const Vector<Precise> mean = point.curvature.cwiseProduct(classes_moved).rowwise().sum();
    const Vector<Precise> square = point.curvature.cwiseProduct(classes_moved.cwiseAbs2()).rowwise().sum();
    return (square - mean.cwiseAbs2()).dot(weight_);
  }

 private:
  Vector<Precise> labels_;
  Vector<Precise> weight_;
  Matrix<Precise> contrasts_;
  mutable Matrix<Precise> error_;  // scratch
};

}  // namespace l0::detail
