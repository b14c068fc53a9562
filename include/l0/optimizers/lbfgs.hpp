// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/optimizers/objective.hpp>

namespace l0 {

/// Options of `minimize_smooth`.
struct LbfgsOptions {
  Index max_iterations = 500;  ///< ≥ 0
  Index memory = 10;           ///< pairs of differences kept, ≥ 1
  double tolerance = 1e-8;     ///< stop at ‖g‖∞ ≤ tolerance · max(1, |f|)
};

/// How `minimize_smooth` ended.
struct LbfgsResult {
  Index iterations = 0;    ///< steps taken
  double value = 0;        ///< of the function at the end
  bool converged = false;  ///< whether the gradient is below the tolerance
  bool finite = true;      ///< false if f or its gradient was NaN or infinite at the start point
};

/// Limited-memory BFGS with a backtracking line search, for the refit of few parameters without gates. `f(x, gradient)`
/// returns the value and writes the gradient; x is replaced by the best point found, and is never worse than at the
/// start. `on_step(iterations, value)` is called after every step; false ends the run.
///
/// Source: Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5; Armijo condition (3.4).
template <class Scalar, class Function, class OnStep = bool (*)(Index, double)>
LbfgsResult minimize_smooth(
    Function&& f, Vector<Scalar>& x, const LbfgsOptions& options = {},
    OnStep&& on_step = [](Index, double) { return true; }) {
  detail::require(options.max_iterations >= 0, "max_iterations", options.max_iterations, "a number >= 0");
  detail::require(options.memory >= 1, "memory", options.memory, "a number >= 1");
  struct Pair {
    Vector<Scalar> step;
    Vector<Scalar> change;
    Scalar inverse_curvature;
  };
  std::vector<Pair> pairs;
  Vector<Scalar> gradient(x.size());
  Vector<Scalar> direction(x.size());
  Vector<Scalar> candidate(x.size());
  Vector<Scalar> candidate_gradient(x.size());
  Vector<Scalar> weight(options.memory);
  static_assert(detail::require_objective<std::remove_reference_t<Function>, Scalar>());
  detail::ObjectiveCall<Scalar, std::remove_reference_t<Function>> call(f);
  LbfgsResult result;
  Scalar value = call(x, gradient, 0);
  result.finite = std::isfinite(value) && gradient.allFinite();
  while (result.finite && result.iterations < options.max_iterations && x.size() > 0) {
    const Scalar scale = std::max(Scalar(1), std::abs(value));
    if (gradient.template lpNorm<Eigen::Infinity>() <= static_cast<Scalar>(options.tolerance) * scale) {
      result.converged = true;
      break;
    }
    direction = -gradient;
    for (std::size_t k = pairs.size(); k-- > 0;) {
      weight(static_cast<Index>(k)) = pairs[k].inverse_curvature * pairs[k].step.dot(direction);
      direction -= weight(static_cast<Index>(k)) * pairs[k].change;
    }
    if (pairs.empty()) {
      direction /= std::max(Scalar(1), gradient.norm());
    } else {
      direction /= pairs.back().inverse_curvature * pairs.back().change.squaredNorm();
    }
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const Scalar correction = pairs[k].inverse_curvature * pairs[k].change.dot(direction);
      direction += (weight(static_cast<Index>(k)) - correction) * pairs[k].step;
    }
    Scalar slope = direction.dot(gradient);
    if (!(slope < 0)) {
      direction = -gradient;
      slope = -gradient.squaredNorm();
      pairs.clear();
    }
    Scalar step = 1;
    Scalar candidate_value = value;
    bool accepted = false;
    for (int trial = 0; trial < 40 && !accepted; ++trial) {
      candidate = x + step * direction;
      candidate_value = call(candidate, candidate_gradient, result.iterations);
      accepted = std::isfinite(candidate_value) && candidate_gradient.allFinite() &&
                 candidate_value <= value + Scalar(1e-4) * step * slope;
      step /= accepted ? Scalar(1) : Scalar(3);
    }
    ++result.iterations;
    if (!accepted) {
      if (pairs.empty()) {
        // No decrease along the gradient: at the rounding of f.
        result.converged = true;
        break;
      }
      pairs.clear();
      continue;
    }
    Pair pair{candidate - x, candidate_gradient - gradient, 0};
    const Scalar curvature = pair.step.dot(pair.change);
    if (curvature > std::numeric_limits<Scalar>::epsilon() * pair.change.squaredNorm()) {
      pair.inverse_curvature = 1 / curvature;
      pairs.push_back(std::move(pair));
      if (static_cast<Index>(pairs.size()) > options.memory) pairs.erase(pairs.begin());
    }
    x.swap(candidate);
    gradient.swap(candidate_gradient);
    value = candidate_value;
    if (!on_step(result.iterations, static_cast<double>(value))) break;
  }
  result.value = static_cast<double>(value);
  return result;
}

}  // namespace l0
