// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/Cholesky>

#include <l0/core/types.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0::detail {

/// When a Newton fit may end.
struct NewtonLimits {
  double bound = std::numeric_limits<double>::infinity();        ///< give up where the objective cannot get below it
  double worst_start = std::numeric_limits<double>::infinity();  ///< a start above it is replaced by the fallback
  double tolerance = 1e-8;                                       ///< smallest relative progress of a step
  int iterations = 60;
  bool rough = false;  ///< digits beyond the tolerance are not asked for: an older Hessian may do
};

/// The fit of a generalised linear model to given columns A by Newton's method, which for canonical links is
/// iteratively reweighted least squares (Nelder & Wedderburn, JRSS A 135, 1972):
///
///     minimise  deviance(A C) + Σⱼ penaltyⱼ ‖C_j‖²,   C one row per column of A, one column per linear predictor.
///
/// Where digits are not asked for, the Hessian is made anew only when the last one did not bring the decrement down a
/// hundredfold: near the minimum it hardly changes, and making it is most of the work (the chord method).
///
/// A step that does not lower the objective is halved; most families here make it convex. Data that some direction
/// separates have no finite fit without a penalty; a tiny one keeps it finite, and `separable` tells that it had to.
template <class Precise>
class NewtonFit {
 public:
  /// The likelihood must outlive this object.
  explicit NewtonFit(const Likelihood<Precise>& likelihood) : likelihood_(&likelihood) {}

  struct Solution {
    Matrix<Precise> coefficients;
    double deviance = 0;
    double objective = 0;
    bool separable = false;
    int iterations = 0;
  };

  const Likelihood<Precise>& likelihood() const { return *likelihood_; }

  Solution solve(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Matrix<Precise>& start,
                 const Matrix<Precise>& fallback, const NewtonLimits& limits = {}) {
    Solution found;
    found.coefficients = start;
    double objective = evaluate(A, penalty, start);
    // Newton's method is slow to come back from where e^η is huge.
    if (!(objective <= limits.worst_start)) {
      found.coefficients = fallback;
      objective = evaluate(A, penalty, fallback);
    }
    accept(found, objective);
    double decrement = 0;
    bool fresh = false;
    while (found.iterations < limits.iterations) {
      const double last = decrement;
      fresh = found.iterations == 0 || !limits.rough;
      if (!fresh) {
        decrement = find_step(A, penalty, found.coefficients);
        if (decrement < limits.tolerance * (1 + std::abs(found.objective))) break;
        fresh = !(decrement <= 0.01 * last);
      }
      if (fresh) {
        factorize(A, penalty, found.coefficients);
        decrement = find_step(A, penalty, found.coefficients);
      }
      ++found.iterations;
      // The quadratic model expects to lower the objective by `decrement`; three times that is out of its reach.
      if (found.objective - 3 * decrement > limits.bound) return found;
      const double before = found.objective;
      if (!take_step(A, penalty, found)) break;
      if (before - found.objective < limits.tolerance * (1 + std::abs(found.objective))) break;
    }
    found.separable = is_flat(A, penalty, found.coefficients, fresh);
    return found;
  }

 private:
  double evaluate(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Matrix<Precise>& c) {
    trial_.eta.noalias() = A * c;
    likelihood_->evaluate(trial_);
    return trial_.deviance + penalty.dot(c.rowwise().squaredNorm());
  }

  void accept(Solution& found, double objective) {
    std::swap(point_, trial_);
    found.deviance = point_.deviance;
    found.objective = objective;
  }

  /// The Hessian at the accepted point.
  void factorize(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Matrix<Precise>& c) {
    if (c.size() == 0) return;
    likelihood_->hessian(A, point_, scratch_, hessian_);
    for (Index m = 0; m < c.cols(); ++m) hessian_.diagonal().segment(m * c.rows(), c.rows()) += penalty;
    factor_.compute(hessian_);
  }

  /// Newton's step at the accepted point by the last factor, and gradient · step.
  double find_step(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Matrix<Precise>& c) {
    if (c.size() == 0) {
      step_ = c;
      return 0;
    }
    gradient_.noalias() = A.transpose() * point_.residual;
    gradient_ -= penalty.asDiagonal() * c;
    step_ = factor_.solve(gradient_.reshaped()).reshaped(c.rows(), c.cols());
    return gradient_.cwiseProduct(step_).sum();
  }

  /// Halves the step until the objective falls; false, and nothing changed, where it never does.
  bool take_step(const Matrix<Precise>& A, const Vector<Precise>& penalty, Solution& found) {
    double length = 1;
    for (int halving = 0; halving < 25; ++halving, length /= 2) {
      moved_ = found.coefficients + length * step_;
      const double objective = evaluate(A, penalty, moved_);
      if (objective < found.objective) {
        found.coefficients.swap(moved_);
        accept(found, objective);
        return true;
      }
    }
    return false;
  }

  /// Whether the likelihood is flat along some direction v that moves the samples: those that v moves have all but lost
  /// their weight. v has the least curvature beside ‖A v‖², by inverse iteration with the last factor; along directions
  /// of dependent columns nothing moves, and it stays away from them.
  bool is_flat(const Matrix<Precise>& A, const Vector<Precise>& penalty, const Matrix<Precise>& c, bool fresh) {
    if (point_.eta.size() == 0 || A.cols() == 0 || point_.eta.cwiseAbs().maxCoeff() < certain) return false;
    // No direction has less curvature than this, give or take the estimate and what the Hessian has changed.
    const double least = factor_.rcond() * hessian_.diagonal().maxCoeff() - penalty.maxCoeff();
    if (least > 100 * flat) return false;
    if (!fresh) factorize(A, penalty, c);
    const Vector<Precise>& weight = likelihood_->weights();
    Vector<Precise> direction = Vector<Precise>::LinSpaced(A.cols() * point_.eta.cols(), 1, 2);
    for (int k = 0; k < 3; ++k) {
      const Matrix<Precise> moved = A * direction.reshaped(A.cols(), point_.eta.cols());
      direction = factor_.solve((A.transpose() * (weight.asDiagonal() * moved)).eval().reshaped());
      const Precise length = direction.norm();
      if (!(length > 0)) return false;
      direction /= length;
    }
    const Matrix<Precise> moved = A * direction.reshaped(A.cols(), point_.eta.cols());
    const double curvature = likelihood_->curvature_along(point_, moved);
    const double uniform = weight.dot(moved.rowwise().squaredNorm());
    return curvature < flat && curvature < 0.01 * uniform;
  }

  static constexpr double certain = 8;  // |η| beyond which a logistic sample is as good as certain
  static constexpr double flat = 1e-3;  // curvature along a unit vector of standardized columns

  const Likelihood<Precise>* likelihood_;
  LikelihoodPoint<Precise> point_, trial_;
  Matrix<Precise> scratch_, hessian_, gradient_, step_, moved_;
  Eigen::LDLT<Matrix<Precise>> factor_;
};

}  // namespace l0::detail
