// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/newton.hpp>

namespace l0::detail {

/// A fitted support, on the user's scale: η = intercept + Σ coefficientᵢ x_columnᵢ, for every linear predictor.
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

/// Fits supports of a design: gathers the columns, standardized and in double, as a dense block of n rows and solves
/// there. Of a sparse design nothing else is ever made dense.
template <class Design, Likelihood L>
class GlmFitter {
 public:
  using Scalar = typename Design::Scalar;
  using Precise = typename L::Precise;

  /// `lambda_l2` charges λ‖b‖² beside the mean negative log likelihood.
  GlmFitter(const Design& x, L likelihood, bool centre, double lambda_l2)
      : columns_(x), newton_(std::move(likelihood)), centre_(centre),
        ridge_(2 * static_cast<double>(x.rows()) * lambda_l2) {
    columns_.set_weights(this->likelihood().weights().template cast<Scalar>(), centre);
    null_.intercept = RowVector<Precise>::Zero(responses());
    if (centre) null_.intercept = this->likelihood().null_intercept();
    null_.coefficients.resize(0, responses());
    LikelihoodPoint<Precise> point;
    point.eta = null_.intercept.replicate(x.rows(), 1);
    this->likelihood().evaluate(point);
    null_deviance_ = point.deviance;
  }

  Index rows() const { return columns_.rows(); }
  Index responses() const { return likelihood().responses(); }
  bool centre() const { return centre_; }
  /// The L2 penalty is ridge·b² in units of the deviance.
  double ridge() const { return ridge_; }
  const StandardizedDesign<Design>& columns() const { return columns_; }
  const L& likelihood() const { return newton_.likelihood(); }

  /// The fit on start.columns from the coefficients of `start`.
  GlmFit<Precise> fit(const GlmFit<Precise>& start, NewtonLimits limits = {}) {
    gather(start.columns);
    const Index first = centre_ ? 1 : 0;
    const auto k = static_cast<Index>(start.columns.size());
    start_.resize(first + k, responses());
    penalty_.resize(first + k);
    RowVector<Precise> level = start.intercept;
    for (Index i = 0; i < k; ++i) {
      const double scale = unit_scale(at(start.columns, i));
      level += start.coefficients.row(i) * mean(at(start.columns, i));
      start_.row(first + i).setZero();
      if (scale > 0) start_.row(first + i) = start.coefficients.row(i) / scale;
      penalty_(first + i) = tiny_ridge + ridge_ * scale * scale;
    }
    fallback_.setZero(first + k, responses());
    if (centre_) {
      start_.row(0) = level;
      fallback_.row(0) = null_.intercept;
      penalty_(0) = 0;
    }
    limits.worst_start = null_deviance_;
    return on_users_scale(start, newton_.solve(block_, penalty_, start_, fallback_, limits));
  }

  /// The fit on any columns, without a guess.
  GlmFit<Precise> fit(std::vector<Index> support) {
    GlmFit<Precise> start = null_;
    std::sort(support.begin(), support.end());
    start.coefficients.setZero(static_cast<Index>(support.size()), responses());
    start.columns = start.units = std::move(support);
    return fit(start);
  }

  /// η of all samples.
  void predict(const GlmFit<Precise>& fit, Matrix<Precise>& eta) {
    eta = fit.intercept.replicate(rows(), 1);
    for (std::size_t i = 0; i < fit.columns.size(); ++i) {
      load(fit.columns[i]);
      for (Index m = 0; m < eta.cols(); ++m) {
        eta.col(m) += fit.coefficients(static_cast<Index>(i), m) * column_.template cast<Precise>();
      }
    }
  }

 private:
  /// In units of the deviance, on columns of unit variance: too small to matter where the likelihood has a maximum.
  static constexpr double tiny_ridge = 2e-6;

  static Index at(const std::vector<Index>& support, Index i) { return support[static_cast<std::size_t>(i)]; }
  double mean(Index j) const { return static_cast<double>(columns_.mean(j)); }
  double unit_scale(Index j) const {
    return static_cast<double>(columns_.scale(j)) * std::sqrt(static_cast<double>(rows()));
  }

  void load(Index j) {
    column_.setZero(rows());
    columns_.design().add_column(j, Scalar(1), column_);
  }

  void gather(const std::vector<Index>& support) {
    const Index first = centre_ ? 1 : 0;
    block_.resize(rows(), first + static_cast<Index>(support.size()));
    if (centre_) block_.col(0).setOnes();
    for (std::size_t i = 0; i < support.size(); ++i) {
      const Index j = support[i];
      load(j);
      block_.col(first + static_cast<Index>(i)) = (column_.template cast<Precise>().array() - mean(j)) * unit_scale(j);
    }
  }

  GlmFit<Precise> on_users_scale(const GlmFit<Precise>& start, const typename NewtonFit<L>::Solution& solution) const {
    GlmFit<Precise> result;
    result.units = start.units;
    result.columns = start.columns;
    const auto k = static_cast<Index>(result.columns.size());
    result.coefficients = solution.coefficients.bottomRows(k);
    result.intercept = RowVector<Precise>::Zero(responses());
    if (centre_) result.intercept = solution.coefficients.row(0);
    for (Index i = 0; i < k; ++i) {
      result.coefficients.row(i) *= unit_scale(at(result.columns, i));
      result.intercept -= result.coefficients.row(i) * mean(at(result.columns, i));
    }
    result.deviance = solution.deviance;
    result.objective = solution.objective;
    result.separable = solution.separable;
    result.iterations = solution.iterations;
    return result;
  }

  StandardizedDesign<Design> columns_;
  NewtonFit<L> newton_;
  bool centre_;
  double ridge_;
  GlmFit<Precise> null_;
  double null_deviance_ = 0;
  Matrix<Precise> block_;
  Vector<Scalar> column_;
  Matrix<Precise> start_, fallback_;
  Vector<Precise> penalty_;
};

}  // namespace l0::detail
