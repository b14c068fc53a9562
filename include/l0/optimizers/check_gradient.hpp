// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/optimizers/objective.hpp>

namespace l0 {

/// What `check_gradient` found: the entry of the gradient that is furthest from the slope of f.
struct GradientCheck {
  double error = 0;     ///< the largest relative error of an entry; infinite where f or its gradient is not finite
  Index at = -1;        ///< which entry that is; −1 for an empty w
  double gradient = 0;  ///< what f wrote there
  double slope = 0;     ///< what finite differences of f say
};

/// Compares the gradient that f writes at w with differences of its values, for objectives as `minimize` takes them:
///
///     const auto check = l0::check_gradient(f, w);
///     check.error;  // below 1e-6 in double where the gradient is right; if not: check.at, check.gradient, check.slope
///
/// The slope by w_j is (f(−2h) − 8 f(−h) + 8 f(h) − f(2h))/12h, right to h⁴, with h = ε^⅕ times |w_j| or the mean of
/// all |w|, whichever is larger (times 1 at w = 0). An error is relative to the larger of gradient and slope, but at
/// least to ε^−⅖ times what rounding alone does to the slope (10⁶ times in double), below which there is nothing to
/// compare. f is called 4n + 1 times, always with step 0 where it takes one. Right gradients stay below 1e-6 in double
/// and 1e-2 in float; choose w away from kinks, as of |w|. Throws `Error` where f leaves the gradient unwritten.
template <class F, class Derived>
GradientCheck check_gradient(F&& f, const Eigen::DenseBase<Derived>& w) {
  using Scalar = typename Derived::Scalar;
  GradientCheck worst;
  if constexpr (detail::require_objective<std::remove_reference_t<F>, Scalar>()) {
    detail::require_shape("w", w.rows(), w.cols(), w.rows(), 1);
    detail::require_finite("w", w);
    const Scalar epsilon = std::numeric_limits<Scalar>::epsilon();
    const Scalar relative_step = std::pow(epsilon, Scalar(0.2));
    detail::ObjectiveCall<Scalar, std::remove_reference_t<F>> call(f);
    Vector<Scalar> at = detail::as_matrix(w);
    Vector<Scalar> gradient(at.size());
    Vector<Scalar> unused(at.size());
    const bool is_finite = std::isfinite(call(at, gradient, 0)) && gradient.allFinite();
    const Scalar typical = at.size() > 0 ? at.cwiseAbs().mean() : Scalar(0);
    for (Index j = 0; j < at.size(); ++j) {
      const Scalar here = at(j);
      const Scalar scale = std::max(std::abs(here), typical);
      const Scalar h = relative_step * (scale > 0 ? scale : Scalar(1));
      double slope = 0;
      double rounding = 0;
      const auto add = [&](Scalar steps, double factor) {
        at(j) = here + steps * h;
        const double term = factor * static_cast<double>(call(at, unused, 0)) / (12 * static_cast<double>(h));
        slope += term;
        rounding += static_cast<double>(epsilon) * std::abs(term);
      };
      add(-2, 1);
      add(-1, -8);
      add(1, 8);
      add(2, -1);
      at(j) = here;
      const auto given = static_cast<double>(gradient(j));
      const double floor = rounding / std::pow(static_cast<double>(epsilon), 0.4);
      const double reference = std::max({std::abs(given), std::abs(slope), floor});
      double error = reference > 0 ? std::abs(given - slope) / reference : 0.0;
      if (!is_finite || !std::isfinite(error)) error = std::numeric_limits<double>::infinity();
      if (worst.at < 0 || error > worst.error) worst = {error, j, given, slope};
    }
  }
  return worst;
}

}  // namespace l0
