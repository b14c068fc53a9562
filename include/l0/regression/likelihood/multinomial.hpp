// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0::detail {

/// Labels 0, ..., K−1 with P(y = c) ∝ e^{η_c} (McCullagh & Nelder 1989, ch. 5). Adding the same to all η_c changes
/// nothing, so the K predictors are written as η = θ Qᵀ with the K−1 orthonormal contrasts Q of Helmert: θ is free, and
/// the coefficients of the classes sum to zero, which is also where an L2 penalty on them leads.
template <class Precise>
class MultinomialLikelihood final : public Likelihood<Precise> {
 public:
  MultinomialLikelihood(Vector<Precise> labels, Vector<Precise> weight, Index classes)
      : Likelihood<Precise>(std::move(weight)), labels_(std::move(labels)), contrasts_(helmert(classes)) {}

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

  Index classes() const { return contrasts_.rows(); }
  Index responses() const override { return contrasts_.cols(); }
  Index predictors() const override { return classes(); }

  /// Finite also where a class has no samples.
  RowVector<Precise> null_intercept() const override {
    RowVector<Precise> share = RowVector<Precise>::Zero(classes());
    for (Index i = 0; i < labels_.size(); ++i) share(static_cast<Index>(labels_(i))) += weight_(i);
    const double least = 0.5 / std::max(static_cast<double>(labels_.size()), 1.0);
    share = (share / weight_.sum()).cwiseMax(least).array().log().matrix();
    return share * contrasts_;
  }

  /// `curvature` holds the probabilities of the classes.
  void evaluate(LikelihoodPoint<Precise>& point) const override {
    point.curvature.noalias() = point.eta * contrasts_.transpose();
    point.deviance = 0;
    for (Index i = 0; i < labels_.size(); ++i) {
      auto p = point.curvature.row(i);
      const auto label = static_cast<Index>(labels_(i));
      const double highest = p.maxCoeff();
      const double own = p(label) - highest;
      p = (p.array() - highest).exp().matrix();
      const double total = p.sum();
      point.deviance += 2 * weight_(i) * (std::log(total) - own);
      p /= total;
    }
    Matrix<Precise> error = -point.curvature;
    for (Index i = 0; i < labels_.size(); ++i) error(i, static_cast<Index>(labels_(i))) += 1;
    error.array().colwise() *= weight_.array();
    point.residual.noalias() = error * contrasts_;
  }

  void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
               Matrix<Precise>& result) const override {
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

  void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const override {
    result = (1 - point.curvature.rowwise().squaredNorm().array()) / static_cast<double>(responses());
    result = result.cwiseMax(least_glm_weight).cwiseProduct(weight_);
  }

  double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const override {
    const Matrix<Precise> classes_moved = moved * contrasts_.transpose();
    const Vector<Precise> mean = point.curvature.cwiseProduct(classes_moved).rowwise().sum();
    const Vector<Precise> square = point.curvature.cwiseProduct(classes_moved.cwiseAbs2()).rowwise().sum();
    return (square - mean.cwiseAbs2()).dot(weight_);
  }

  Matrix<Precise> reported(const Matrix<Precise>& free) const override { return free * contrasts_.transpose(); }
  Matrix<Precise> free_of(const Matrix<Precise>& reported) const override { return reported * contrasts_; }

  std::unique_ptr<Likelihood<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    return std::make_unique<MultinomialLikelihood>(rows_of(labels_, wanted), rows_of(weight_, wanted), classes());
  }
  std::vector<Index> strata() const override {
    std::vector<Index> label;
    for (Index i = 0; i < labels_.size(); ++i) label.push_back(static_cast<Index>(labels_(i)));
    return label;
  }

 private:
  using Likelihood<Precise>::weight_;
  Vector<Precise> labels_;
  Matrix<Precise> contrasts_;
};

}  // namespace l0::detail
