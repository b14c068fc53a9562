// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/models/design.hpp>
#include <l0/models/glm_family.hpp>

namespace l0::detail {

/// When a Newton fit may end.
struct NewtonLimits {
  double bound = std::numeric_limits<double>::infinity();        ///< give up where the objective cannot get below it
  double worst_start = std::numeric_limits<double>::infinity();  ///< a start above it is replaced by the fallback
  double tolerance = 1e-8;                                       ///< smallest relative progress of a step
  int iterations = 60;
};

/// The fit of a generalised linear model to given columns A by Newton's method, which for canonical links is
/// iteratively reweighted least squares (Nelder & Wedderburn, JRSS A 135, 1972):
///
///     minimise  Σᵢ wᵢ deviance(yᵢ, aᵢᵀc) + Σⱼ penaltyⱼ cⱼ².
///
/// The objective is convex and a step that does not lower it is halved. Data that some direction separates have no
/// finite fit without a penalty; a tiny one keeps it finite, and `separable` tells that it had to.
template <GlmFamily Family>
class NewtonFit {
 public:
  /// double; as a name that depends on the family, so that nothing is instantiated before it is used.
  using Precise = typename Family::Precise;

  NewtonFit(Vector<Precise> y, Vector<Precise> weight) : y_(std::move(y)), weight_(std::move(weight)) {}

  struct Solution {
    Vector<Precise> coefficients;
    double deviance = 0;
    double objective = 0;
    bool separable = false;
    int iterations = 0;
  };

  const Vector<Precise>& targets() const { return y_; }
  const Vector<Precise>& weights() const { return weight_; }

  Solution solve(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Vector<Precise>& start,
                 const Vector<Precise>& fallback, const NewtonLimits& limits = {}) {
    Solution found;
    found.coefficients = start;
    Trial trial = evaluate(A, penalty, start);
    // Newton's method is slow to come back from where e^η is huge.
    if (!(trial.objective <= limits.worst_start)) {
      found.coefficients = fallback;
      trial = evaluate(A, penalty, fallback);
    }
    accept(found, trial);
    while (found.iterations < limits.iterations) {
      const double decrement = find_step(A, penalty, found.coefficients);
      ++found.iterations;
      // The quadratic model expects to lower the objective by `decrement`; three times that is out of its reach.
      if (found.objective - 3 * decrement > limits.bound) return found;
      const double before = found.objective;
      if (!take_step(A, penalty, found)) break;
      if (before - found.objective < limits.tolerance * (1 + found.objective)) break;
    }
    found.separable = is_flat(A);
    return found;
  }

 private:
  struct Trial {
    double deviance;
    double objective;
  };

  Trial evaluate(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Vector<Precise>& c) {
    trial_eta_.noalias() = A * c;
    trial_residual_.resize(y_.size());
    trial_curvature_.resize(y_.size());
    double deviance = 0;
    for (Index i = 0; i < y_.size(); ++i) {
      const GlmPoint point = Family::at(y_(i), trial_eta_(i));
      deviance += weight_(i) * point.deviance;
      trial_residual_(i) = weight_(i) * point.residual;
      trial_curvature_(i) = weight_(i) * point.weight;
    }
    return {deviance, deviance + (penalty.array() * c.array().square()).sum()};
  }

  void accept(Solution& found, const Trial& trial) {
    found.deviance = trial.deviance;
    found.objective = trial.objective;
    eta_.swap(trial_eta_);
    residual_.swap(trial_residual_);
    curvature_.swap(trial_curvature_);
  }

  /// Newton's step at the accepted point, and gradient · step.
  double find_step(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Vector<Precise>& c) {
    weighted_.noalias() = curvature_.asDiagonal() * A;
    hessian_.noalias() = A.transpose() * weighted_;
    hessian_.diagonal() += penalty;
    gradient_.noalias() = A.transpose() * residual_;
    gradient_ -= penalty.cwiseProduct(c);
    factor_.compute(hessian_);
    step_ = factor_.solve(gradient_);
    return gradient_.dot(step_);
  }

  /// Halves the step until the objective falls; false, and nothing changed, where it never does.
  bool take_step(const Matrix<Precise>& A, const Vector<Precise>& penalty, Solution& found) {
    double length = 1;
    for (int halving = 0; halving < 25; ++halving, length /= 2) {
      moved_ = found.coefficients + length * step_;
      const Trial trial = evaluate(A, penalty, moved_);
      if (trial.objective < found.objective) {
        found.coefficients.swap(moved_);
        accept(found, trial);
        return true;
      }
    }
    return false;
  }

  /// Whether the likelihood is flat along some direction v although the columns of A are not dependent: the samples
  /// that v moves have all but lost their weight. v by inverse iteration with the last factor.
  bool is_flat(const Matrix<Precise>& A) {
    if (!(eta_.size() > 0) || A.cols() == 0 || eta_.cwiseAbs().maxCoeff() < certain) return false;
    Vector<Precise> direction = Vector<Precise>::Ones(A.cols());
    for (int k = 0; k < 3; ++k) {
      direction = factor_.solve(direction).eval();
      direction /= direction.norm();
    }
    const Vector<Precise> moved = A * direction;
    const double curvature = (curvature_.array() * moved.array().square()).sum();
    const double uniform = (weight_.array() * moved.array().square()).sum();
    return curvature < flat && curvature < 0.01 * uniform;
  }

  static constexpr double certain = 8;  // |η| beyond which a logistic sample is as good as certain
  static constexpr double flat = 1e-3;  // curvature along a unit vector of standardized columns

  Vector<Precise> y_;
  Vector<Precise> weight_;
  Vector<Precise> eta_, residual_, curvature_;
  Vector<Precise> trial_eta_, trial_residual_, trial_curvature_;
  Matrix<Precise> weighted_, hessian_;
  Vector<Precise> gradient_, step_, moved_;
  Eigen::LDLT<Matrix<Precise>> factor_;
};

/// A fitted support, on the user's scale: η = intercept + Σ coefficientᵢ x_supportᵢ. Supports are sorted.
struct GlmFit {
  std::vector<Index> support;
  Vector<double> coefficients;
  double intercept = 0;
  double deviance = std::numeric_limits<double>::infinity();
  double objective = std::numeric_limits<double>::infinity();  ///< deviance plus penalties, what the fit minimised
  double score = std::numeric_limits<double>::infinity();
  bool separable = false;
  int iterations = 0;

  Index size() const { return static_cast<Index>(support.size()); }

  /// Takes the i-th column out, as the start of another fit.
  void leave_out(Index i) {
    support.erase(support.begin() + i);
    Vector<double> rest(size());
    for (Index k = 0; k < rest.size(); ++k) rest(k) = coefficients(k < i ? k : k + 1);
    coefficients.swap(rest);
  }
};

/// Fits supports of a design: gathers the columns, standardized and in double, as a dense block of n rows and solves
/// there. Of a sparse design nothing else is ever made dense.
template <class Design, GlmFamily Family>
class GlmFitter {
 public:
  using Scalar = typename Design::Scalar;
  using Precise = typename Family::Precise;

  /// `weight` has mean 1. `lambda_l2` charges λ‖b‖² beside the mean negative log likelihood.
  GlmFitter(const Design& x, const Vector<Scalar>& y, const Vector<Scalar>& weight, bool centre, double lambda_l2)
      : columns_(x), newton_(y.template cast<Precise>(), weight.template cast<Precise>()), centre_(centre),
        ridge_(2 * static_cast<double>(x.rows()) * lambda_l2) {
    columns_.set_weights(weight, centre);
    const auto samples = static_cast<double>(x.rows());
    const double mean = newton_.targets().dot(newton_.weights()) / newton_.weights().sum();
    null_intercept_ = centre ? Family::start(mean, samples) : 0.0;
    for (Index i = 0; i < x.rows(); ++i) {
      null_deviance_ += newton_.weights()(i) * Family::at(newton_.targets()(i), null_intercept_).deviance;
    }
  }

  Index rows() const { return columns_.rows(); }
  bool centre() const { return centre_; }
  /// The L2 penalty is ridge·b² in units of the deviance.
  double ridge() const { return ridge_; }
  const StandardizedColumns<Design>& columns() const { return columns_; }
  const Vector<Precise>& targets() const { return newton_.targets(); }
  const Vector<Precise>& weights() const { return newton_.weights(); }

  /// The fit on start.support, which is sorted, from the coefficients of `start`.
  GlmFit fit(const GlmFit& start, NewtonLimits limits = {}) {
    gather(start.support);
    const Index first = centre_ ? 1 : 0;
    const Index k = start.size();
    start_.resize(first + k);
    penalty_.resize(first + k);
    double level = start.intercept;
    for (Index i = 0; i < k; ++i) {
      const double scale = unit_scale(at(start.support, i));
      level += start.coefficients(i) * mean(at(start.support, i));
      start_(first + i) = scale > 0 ? start.coefficients(i) / scale : 0.0;
      penalty_(first + i) = tiny_ridge + ridge_ * scale * scale;
    }
    fallback_.setZero(first + k);
    if (centre_) {
      start_(0) = level;
      fallback_(0) = null_intercept_;
      penalty_(0) = 0;
    }
    limits.worst_start = null_deviance_;
    return on_users_scale(start.support, newton_.solve(block_, penalty_, start_, fallback_, limits));
  }

  /// The fit on any support, without a guess.
  GlmFit fit(std::vector<Index> support) {
    GlmFit start;
    std::sort(support.begin(), support.end());
    start.coefficients.setZero(static_cast<Index>(support.size()));
    start.intercept = null_intercept_;
    start.support = std::move(support);
    return fit(start);
  }

  /// η of all samples.
  void predict(const GlmFit& fit, Vector<Precise>& eta) {
    eta.setConstant(rows(), fit.intercept);
    for (Index i = 0; i < fit.size(); ++i) eta += fit.coefficients(i) * column(at(fit.support, i));
  }

 private:
  /// In units of the deviance, on columns of unit variance: too small to matter where the likelihood has a maximum.
  static constexpr double tiny_ridge = 2e-6;

  static Index at(const std::vector<Index>& support, Index i) { return support[static_cast<std::size_t>(i)]; }
  double mean(Index j) const { return static_cast<double>(columns_.mean(j)); }
  double unit_scale(Index j) const {
    return static_cast<double>(columns_.scale(j)) * std::sqrt(static_cast<double>(rows()));
  }

  auto column(Index j) {
    column_.setZero(rows());
    columns_.design().add_column(j, Scalar(1), column_);
    return column_.template cast<Precise>();
  }

  void gather(const std::vector<Index>& support) {
    const Index first = centre_ ? 1 : 0;
    block_.resize(rows(), first + static_cast<Index>(support.size()));
    if (centre_) block_.col(0).setOnes();
    for (std::size_t i = 0; i < support.size(); ++i) {
      const Index j = support[i];
      block_.col(first + static_cast<Index>(i)) = (column(j).array() - mean(j)) * unit_scale(j);
    }
  }

  GlmFit on_users_scale(const std::vector<Index>& support, const typename NewtonFit<Family>::Solution& solution) const {
    GlmFit result;
    result.support = support;
    result.coefficients = solution.coefficients.tail(result.size());
    result.intercept = centre_ ? solution.coefficients(0) : 0.0;
    for (Index i = 0; i < result.size(); ++i) {
      result.coefficients(i) *= unit_scale(at(support, i));
      result.intercept -= result.coefficients(i) * mean(at(support, i));
    }
    result.deviance = solution.deviance;
    result.objective = solution.objective;
    result.separable = solution.separable;
    result.iterations = solution.iterations;
    return result;
  }

  StandardizedColumns<Design> columns_;
  NewtonFit<Family> newton_;
  bool centre_;
  double ridge_;
  double null_intercept_ = 0;
  double null_deviance_ = 0;
  Matrix<Precise> block_;
  Vector<Scalar> column_;
  Vector<Precise> start_, penalty_, fallback_;
};

}  // namespace l0::detail
