// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <l0/core/types.hpp>
#include <l0/regression/likelihood/family.hpp>

/// \file
/// regression/likelihood/: what a fit minimises, and how it is minimised on given columns.
///
///     family       one sample: deviance, residual and curvature at η
///     likelihood   all samples of a family; multinomial: several η per sample
///     newton       iteratively reweighted least squares on a matrix of columns
///     support_fit  brings the columns of a support from the design, and coefficients back to the scale of X
///     point        the model of one support, on the scale of X

namespace l0::detail {

/// A likelihood at linear predictors η (samples × m): its deviance, −½ of the deviance's gradient in η, and whatever
/// the likelihood needs to tell its curvature. Sample weights are in all of them.
///
/// Like all that works in double here, a template: nothing of it is instantiated before it is used.
template <class Precise>
struct LikelihoodPoint {
  Matrix<Precise> eta;
  Matrix<Precise> residual;
  Matrix<Precise> curvature;
  double deviance = 0;
};

/// A likelihood of given targets and weights, with m free linear predictors per sample and canonical links.
template <class L>
concept Likelihood = requires(const L& likelihood, LikelihoodPoint<typename L::Precise>& point,
                              const Matrix<typename L::Precise>& A, Matrix<typename L::Precise>& to,
                              Vector<typename L::Precise>& d) {
  { likelihood.samples() } -> std::same_as<Index>;
  { likelihood.responses() } -> std::same_as<Index>;
  { likelihood.null_intercept() } -> std::convertible_to<RowVector<typename L::Precise>>;
  likelihood.evaluate(point);             // from point.eta
  likelihood.hessian(A, point, to, to);   // of ½ deviance in vec C where η = A C; lower half
  likelihood.scalar_curvature(point, d);  // per sample, the mean over the m directions
  { likelihood.curvature_along(point, A) } -> std::same_as<double>;  // of ½ deviance as η moves along A
};

/// One linear predictor per sample: logistic and Poisson regression.
template <GlmFamily Family>
class PointwiseLikelihood {
 public:
  using Precise = typename Family::Precise;

  PointwiseLikelihood(Vector<Precise> y, Vector<Precise> weight) : y_(std::move(y)), weight_(std::move(weight)) {}

  Index samples() const { return y_.size(); }
  Index responses() const { return 1; }
  const Vector<Precise>& weights() const { return weight_; }

  RowVector<Precise> null_intercept() const {
    const double mean = y_.dot(weight_) / weight_.sum();
    return RowVector<Precise>::Constant(1, Family::start(mean, static_cast<double>(samples())));
  }

  void evaluate(LikelihoodPoint<Precise>& point) const {
    point.residual.resize(samples(), 1);
    point.curvature.resize(samples(), 1);
    point.deviance = 0;
    for (Index i = 0; i < samples(); ++i) {
      const GlmPoint at = Family::at(y_(i), point.eta(i, 0));
      point.deviance += weight_(i) * at.deviance;
      point.residual(i, 0) = weight_(i) * at.residual;
      point.curvature(i, 0) = weight_(i) * at.weight;
    }
  }

  void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
               Matrix<Precise>& result) const {
    scratch.noalias() = point.curvature.col(0).asDiagonal() * A;
    result.noalias() = A.transpose() * scratch;
  }

  void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const {
    result = point.curvature;
  }

  double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const {
    return (point.curvature.array() * moved.array().square()).sum();
  }

 private:
  Vector<Precise> y_;
  Vector<Precise> weight_;
};

}  // namespace l0::detail
