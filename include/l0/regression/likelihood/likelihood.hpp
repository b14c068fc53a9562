// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/robust.hpp>

/// \file
/// regression/likelihood/: what a fit minimises, and how it is minimised on given columns.
///
///     family       one sample: deviance, residual and curvature at η; a family of its own is one file
///     likelihood   all samples of a family; multinomial: several η per sample; cox: samples tied by risk sets
///     newton       iteratively reweighted least squares on a matrix of columns
///     support_fit  brings the columns of a support from the design
///     point        the model of one support

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

/// The user's η is origin + unit·η: those of the targets, where η is on their scale.
template <class Precise>
struct EtaScale {
  Precise origin = 0;
  Precise unit = 1;
};

/// A likelihood of given targets and weights, with m free linear predictors per sample. What fits
/// and searches ask goes through this, so that they are compiled once for all likelihoods: a call is of the order of a
/// pass over the samples.
template <class Precise>
class Likelihood {
 public:
  virtual ~Likelihood() = default;
  Likelihood& operator=(const Likelihood&) = delete;

  Index samples() const { return weight_.size(); }
  const Vector<Precise>& weights() const { return weight_; }
  /// Free linear predictors.
  virtual Index responses() const = 0;
  /// Those that a model reports: one per class.
  virtual Index predictors() const { return responses(); }
  /// Where a fit without columns starts.
  virtual RowVector<Precise> null_intercept() const = 0;
  /// Everything else of the point, from point.eta.
  virtual void evaluate(LikelihoodPoint<Precise>& point) const = 0;
  /// Of ½ deviance in vec C where η = A C; lower half.
  virtual void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
                       Matrix<Precise>& result) const = 0;
  /// Per sample, the mean over the m directions.
  virtual void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const = 0;
  /// Of ½ deviance as η moves along `moved`.
  virtual double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const = 0;
  /// Whether `hessian` is the curvature, or what is expected of it, and no bound: then its inverse is a covariance.
  virtual bool has_information() const { return true; }
  /// Whether each sample's `residual` is its own, so that their squares tell the variance of the sum.
  virtual bool has_scores() const { return true; }
  /// Coefficients or intercepts as a model reports them, and back.
  virtual Matrix<Precise> reported(const Matrix<Precise>& free) const { return free; }
  virtual Matrix<Precise> free_of(const Matrix<Precise>& reported) const { return reported; }
  /// Some of the samples.
  virtual std::unique_ptr<Likelihood> rows_at(const std::vector<Index>& wanted) const = 0;
  /// What folds should have in equal shares: a label per sample; empty where there is none.
  virtual std::vector<Index> strata() const { return {}; }
  virtual EtaScale<Precise> scale() const { return {}; }
  /// Whether something is estimated beside η.
  virtual bool adapts() const { return false; }
  /// With that at its best for given η of a fit with so many coefficients; null where nothing moves.
  virtual std::unique_ptr<Likelihood> adapted(const Matrix<Precise>& /*eta*/, double /*coefficients*/) const {
    return nullptr;
  }
  /// A step nearer to the deviance that is meant, for refits; null where this is the one.
  virtual std::unique_ptr<Likelihood> sharpened() const { return nullptr; }

 protected:
  explicit Likelihood(Vector<Precise> weight) : weight_(std::move(weight)) {}
  Likelihood(const Likelihood&) = default;

  Vector<Precise> weight_;
};

/// Checks targets against a family.
template <Family F, class Derived>
void require_targets(const F& family, std::string_view argument, const Eigen::MatrixBase<Derived>& targets) {
  for (Index i = 0; i < targets.rows(); ++i) {
    const auto y = targets.derived().coeff(i, 0);
    if (!family.allows(static_cast<double>(y)))
      fail(std::string(argument).append("(" + to_text(i) + ")"), to_text(y), std::string(family.wanted()));
  }
}

/// A family on data: one linear predictor per sample.
template <Family F, class Precise>
class PointwiseLikelihood final : public Likelihood<Precise> {
 public:
  /// `offset`, unless empty, is added to η.
  PointwiseLikelihood(F family, Vector<Precise> y, Vector<Precise> weight, Vector<Precise> offset,
                      EtaScale<Precise> scale = {})
      : Likelihood<Precise>(std::move(weight)), family_(std::move(family)), y_(std::move(y)),
        offset_(std::move(offset)), scale_(scale) {}

  const F& family() const { return family_; }
  Index responses() const override { return 1; }
  EtaScale<Precise> scale() const override { return scale_; }

  RowVector<Precise> null_intercept() const override {
    const Precise total = weight_.sum();
    if constexpr (family_is_location<F>()) {
      const Vector<Precise> rest = offset_.size() > 0 ? Vector<Precise>(y_ - offset_) : y_;
      return RowVector<Precise>::Constant(1,
                                          family_.link(weighted_median(rest, weight_) - scale_.origin) / scale_.unit);
    } else {
      const double level = offset_.size() > 0 ? offset_.dot(weight_) / total : 0.0;
      return RowVector<Precise>::Constant(1, link_inside(y_.dot(weight_) / total) - level);
    }
  }

  void evaluate(LikelihoodPoint<Precise>& point) const override {
    const Index n = this->samples();
    point.residual.resize(n, 1);
    point.curvature.resize(n, 1);
    point.deviance = 0;
    for (Index i = 0; i < n; ++i) {
      const FamilyPoint at = family_.at(y_(i) - scale_.origin, eta_at(point.eta, i));
      point.deviance += weight_(i) * at.deviance;
      point.residual(i, 0) = weight_(i) * at.residual * scale_.unit;
      point.curvature(i, 0) = weight_(i) * at.weight * scale_.unit * scale_.unit;
    }
  }

  void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
               Matrix<Precise>& result) const override {
    scratch.noalias() = point.curvature.col(0).asDiagonal() * A;
    result.noalias() = A.transpose() * scratch;
  }

  void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const override {
    result = point.curvature;
  }

  double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const override {
    return (point.curvature.array() * moved.array().square()).sum();
  }

  std::unique_ptr<Likelihood<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    return std::make_unique<PointwiseLikelihood>(family_, rows_of(y_, wanted), rows_of(weight_, wanted),
                                                 offset_.size() > 0 ? rows_of(offset_, wanted) : offset_, scale_);
  }

  std::vector<Index> strata() const override {
    std::vector<Index> label;
    if constexpr (family_is_label<F>()) {
      for (Index i = 0; i < y_.size(); ++i) label.push_back(static_cast<Index>(y_(i)));
    }
    return label;
  }

  bool adapts() const override { return family_adapts(family_); }
  // Families on the scale of y have weights of the parabola that touches their loss.
  bool has_information() const override { return !family_is_location<F>(); }

  std::unique_ptr<Likelihood<Precise>> adapted(const Matrix<Precise>& eta, double coefficients) const override {
    if constexpr (AdaptiveFamily<F>) {
      F family = family_;
      Vector<Precise> target(eta.rows()), users(eta.rows());
      for (Index i = 0; i < eta.rows(); ++i) target(i) = y_(i) - scale_.origin, users(i) = eta_at(eta, i);
      if (family.adapt(target, users, weight_, coefficients)) return with(std::move(family));
    }
    return nullptr;
  }

  std::unique_ptr<Likelihood<Precise>> sharpened() const override {
    if constexpr (SmoothedFamily<F>) {
      F family = family_;
      if (family.sharpen()) return with(std::move(family));
    }
    return nullptr;
  }

 private:
  std::unique_ptr<Likelihood<Precise>> with(F family) const {
    return std::make_unique<PointwiseLikelihood>(std::move(family), y_, weight_, offset_, scale_);
  }

  /// The user's η less the origin.
  double eta_at(const Matrix<Precise>& eta, Index i) const {
    return scale_.unit * eta(i, 0) + (offset_.size() > 0 ? offset_(i) : Precise(0));
  }

  /// The link of a mean; where that is infinite, of one with half a sample of another value.
  double link_inside(double mean) const {
    const double margin = 0.5 / std::max(static_cast<double>(this->samples()), 1.0);
    double eta = family_.link(mean);
    if (!std::isfinite(eta)) eta = family_.link(mean + margin);
    if (!std::isfinite(eta)) eta = family_.link(mean - margin);
    return std::isfinite(eta) ? eta : 0.0;
  }

  using Likelihood<Precise>::weight_;
  F family_;
  Vector<Precise> y_;
  Vector<Precise> offset_;
  EtaScale<Precise> scale_;
};

}  // namespace l0::detail
