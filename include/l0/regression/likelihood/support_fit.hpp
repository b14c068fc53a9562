// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/newton.hpp>
#include <l0/regression/likelihood/point.hpp>

namespace l0::detail {

/// A fitted support, in the units of the design: η = intercept + Σ coefficientᵢ x_columnᵢ, for every linear predictor.
template <class Precise>
struct GlmFit {
  std::vector<Index> units;      ///< ascending
  std::vector<Index> columns;    ///< of the units; without groups the same
  Matrix<Precise> coefficients;  ///< a row per column
  RowVector<Precise> intercept;
  double deviance = std::numeric_limits<double>::infinity();
  double objective = std::numeric_limits<double>::infinity();  ///< deviance plus penalties, what the fit minimised
  double score = std::numeric_limits<double>::infinity();
  bool separable = false;
  int iterations = 0;

  Index size() const { return static_cast<Index>(units.size()); }
  SupportSize extent() const { return {size(), static_cast<Index>(columns.size())}; }

  /// Takes the i-th column out, as the start of another fit; only without groups.
  void leave_out(Index i) {
    units.erase(units.begin() + i);
    columns = units;
    Matrix<Precise> rest(size(), coefficients.cols());
    for (Index k = 0; k < rest.rows(); ++k) rest.row(k) = coefficients.row(k < i ? k : k + 1);
    coefficients.swap(rest);
  }
};

/// A fit as a search left it; its columns ascend.
template <class Precise>
GlmFit<Precise> glm_fit(const RoughFit& rough) {
  GlmFit<Precise> fit;
  fit.units = fit.columns = rough.columns;
  fit.coefficients = rough.coefficients.template cast<Precise>();
  fit.intercept = rough.intercept.template cast<Precise>();
  return fit;
}

/// Fits supports of a design: gathers the columns, centred, as a dense block of n rows and solves there. Of a sparse
/// design nothing else is ever made dense. Coefficients are those of the design's columns, which have unit variance.
template <class Precise>
class GlmFitter {
 public:
  /// `lambda_l2` charges λ‖b‖² beside the mean negative log likelihood. Both arguments must outlive this object.
  GlmFitter(const Design<Precise>& x, const Likelihood<Precise>& likelihood, bool centre, double lambda_l2)
      : x_(&x), newton_(likelihood), centre_(centre), samples_(likelihood.weights().sum()),
        ridge_(2 * samples_ * lambda_l2), mean_(x.columns()), has_mean_(static_cast<std::size_t>(x.columns()), 0) {
    null_.intercept = RowVector<Precise>::Zero(responses());
    if (centre) null_.intercept = likelihood.null_intercept();
    null_.coefficients.resize(0, responses());
    LikelihoodPoint<Precise> point;
    point.eta = null_.intercept.replicate(x.rows(), 1);
    likelihood.evaluate(point);
    null_deviance_ = point.deviance;
  }

  Index rows() const { return x_->rows(); }
  const Design<Precise>& design() const { return *x_; }
  /// What the rows are worth.
  double samples() const { return samples_; }
  Index responses() const { return likelihood().responses(); }
  bool centre() const { return centre_; }
  /// The L2 penalty is ridge·b² in units of the deviance.
  double ridge() const { return ridge_; }
  const Likelihood<Precise>& likelihood() const { return newton_.likelihood(); }

  /// The fit on start.columns from the coefficients of `start`.
  GlmFit<Precise> fit(const GlmFit<Precise>& start, NewtonLimits limits = {}) {
    gather(start.columns);
    const Index first = centre_ ? 1 : 0;
    const auto k = static_cast<Index>(start.columns.size());
    start_.resize(first + k, responses());
    penalty_.setConstant(first + k, tiny_ridge + ridge_);
    start_.bottomRows(k) = start.coefficients;
    fallback_.setZero(first + k, responses());
    if (centre_) {
      start_.row(0) = start.intercept;
      for (Index i = 0; i < k; ++i) start_.row(0) += start.coefficients.row(i) * mean(at(start.columns, i));
      fallback_.row(0) = null_.intercept;
      penalty_(0) = 0;
    }
    limits.worst_start = null_deviance_;
    const auto solution = newton_.solve(block_, penalty_, start_, fallback_, limits);
    GlmFit<Precise> result;
    result.units = start.units;
    result.columns = start.columns;
    result.coefficients = solution.coefficients.bottomRows(k);
    result.intercept = RowVector<Precise>::Zero(responses());
    if (centre_) {
      result.intercept = solution.coefficients.row(0);
      for (Index i = 0; i < k; ++i) result.intercept -= result.coefficients.row(i) * mean(at(result.columns, i));
    }
    result.deviance = solution.deviance;
    result.objective = solution.objective;
    result.separable = solution.separable;
    result.iterations = solution.iterations;
    return result;
  }

  /// Where a fit on any columns starts without a guess.
  GlmFit<Precise> start(std::vector<Index> support) const {
    GlmFit<Precise> start = null_;
    std::sort(support.begin(), support.end());
    start.coefficients.setZero(static_cast<Index>(support.size()), responses());
    start.columns = start.units = std::move(support);
    return start;
  }
  GlmFit<Precise> fit(std::vector<Index> support, const NewtonLimits& limits = {}) {
    return fit(start(std::move(support)), limits);
  }

  /// η of all samples.
  void predict(const GlmFit<Precise>& fit, Matrix<Precise>& eta) const {
    eta = fit.intercept.replicate(rows(), 1);
    for (std::size_t i = 0; i < fit.columns.size(); ++i) {
      for (Index m = 0; m < eta.cols(); ++m)
        x_->add_column(fit.columns[i], fit.coefficients(static_cast<Index>(i), m), eta.col(m));
    }
  }

 private:
  /// In units of the deviance, on columns of unit variance: too small to matter where the likelihood has a maximum.
  static constexpr double tiny_ridge = 2e-6;

  static Index at(const std::vector<Index>& support, Index i) { return support[static_cast<std::size_t>(i)]; }

  /// The weighted mean of a column, when first asked for.
  Precise mean(Index j) {
    if (!centre_) return 0;
    if (!has_mean_[static_cast<std::size_t>(j)]) {
      mean_(j) = x_->sum(j, likelihood().weights()) / samples_;
      has_mean_[static_cast<std::size_t>(j)] = 1;
    }
    return mean_(j);
  }

  void gather(const std::vector<Index>& support) {
    const Index first = centre_ ? 1 : 0;
    block_.resize(rows(), first + static_cast<Index>(support.size()));
    if (centre_) block_.col(0).setOnes();
    for (std::size_t i = 0; i < support.size(); ++i) {
      auto column = block_.col(first + static_cast<Index>(i));
      column.setConstant(-mean(support[i]));
      x_->add_column(support[i], 1, column);
    }
  }

  const Design<Precise>* x_;
  NewtonFit<Precise> newton_;
  bool centre_;
  double samples_;
  double ridge_;
  Vector<Precise> mean_;
  std::vector<char> has_mean_;
  GlmFit<Precise> null_;
  double null_deviance_ = 0;
  Matrix<Precise> block_;
  Matrix<Precise> start_, fallback_;
  Vector<Precise> penalty_;
};

}  // namespace l0::detail
