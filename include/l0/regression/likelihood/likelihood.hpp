// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/family.hpp>

/// \file
/// regression/likelihood/: what a fit minimises, and how it is minimised on given columns.
///
///     family       one sample: deviance, residual and curvature at η
///     likelihood   all samples of a family; multinomial: several η per sample
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

/// A likelihood of given targets and weights, with m free linear predictors per sample and canonical links. What fits
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
  /// Coefficients or intercepts as a model reports them, and back.
  virtual Matrix<Precise> reported(const Matrix<Precise>& free) const { return free; }
  virtual Matrix<Precise> free_of(const Matrix<Precise>& reported) const { return reported; }
  /// Some of the samples.
  virtual std::unique_ptr<Likelihood> rows_at(const std::vector<Index>& wanted) const = 0;
  /// What folds should have in equal shares: a label per sample; empty where there is none.
  virtual std::vector<Index> strata() const { return {}; }

 protected:
  explicit Likelihood(Vector<Precise> weight) : weight_(std::move(weight)) {}
  Likelihood(const Likelihood&) = default;

  Vector<Precise> weight_;
};

/// One linear predictor per sample: logistic, Poisson and other families.
template <class Family, class Precise>
class PointwiseLikelihood final : public Likelihood<Precise> {
 public:
  /// `offset`, unless empty, is added to η.
  PointwiseLikelihood(Family family, Vector<Precise> y, Vector<Precise> weight, Vector<Precise> offset)
      : Likelihood<Precise>(std::move(weight)), family_(std::move(family)), y_(std::move(y)),
        offset_(std::move(offset)) {}

  Index responses() const override { return 1; }

  RowVector<Precise> null_intercept() const override {
    const double mean = y_.dot(weight_) / weight_.sum();
    const double level = offset_.size() > 0 ? offset_.dot(weight_) / weight_.sum() : 0.0;
    return RowVector<Precise>::Constant(1, family_.start(mean, static_cast<double>(this->samples())) - level);
  }

  void evaluate(LikelihoodPoint<Precise>& point) const override {
    const Index n = this->samples();
    point.residual.resize(n, 1);
    point.curvature.resize(n, 1);
    point.deviance = 0;
    for (Index i = 0; i < n; ++i) {
      const double eta = point.eta(i, 0) + (offset_.size() > 0 ? offset_(i) : Precise(0));
      const GlmPoint at = family_.at(y_(i), eta);
      point.deviance += weight_(i) * at.deviance;
      point.residual(i, 0) = weight_(i) * at.residual;
      point.curvature(i, 0) = weight_(i) * at.weight;
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
                                                 offset_.size() > 0 ? rows_of(offset_, wanted) : offset_);
  }

  std::vector<Index> strata() const override {
    std::vector<Index> label;
    if (Family::is_label) {
      for (Index i = 0; i < y_.size(); ++i) label.push_back(static_cast<Index>(y_(i)));
    }
    return label;
  }

 private:
  using Likelihood<Precise>::weight_;
  Family family_;
  Vector<Precise> y_;
  Vector<Precise> offset_;
};

}  // namespace l0::detail
