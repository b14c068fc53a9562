// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>

namespace l0::detail {

/// log Γ(a + ½)/(Γ(a) Γ(½)), a > 0: 1/B(a, ½). Beyond a = 50 by its series, where the two logarithms have no digits
/// left.
template <std::same_as<double> Real>
Real log_inverse_beta_half(Real a) {
  const Real log_root_pi = std::log(std::numbers::pi) / 2;
  if (a <= 50) return std::lgamma(a + 0.5) - std::lgamma(a) - log_root_pi;
  const Real square = a * a;
  return std::log(a) / 2 - (1 - (1.0 / 24 - 1 / (80 * square)) / square) / (8 * a) - log_root_pi;
}

/// The continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8), by Lentz's method.
template <std::same_as<double> Real>
Real beta_fraction(Real a, Real b, Real x) {
  constexpr Real tiny = 1e-300;
  const auto away = [](Real v) { return std::abs(v) < tiny ? tiny : v; };
  Real c = 1;
  Real d = 1 / away(1 - (a + b) * x / (a + 1));
  Real value = d;
  for (int m = 1; m < 100000; ++m) {
    const Real k = m;
    const Real even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    value *= d * c;
    const Real odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) < 1e-16) break;
  }
  return value;
}

/// P(|T| > t) of Student's t with `degrees` > 0 of freedom, a normal distribution where they are infinite; t ≥ 0.
template <std::same_as<double> Real>
Real two_sided_tail(Real t, Real degrees) {
  if (std::isinf(degrees)) return std::erfc(t / std::numbers::sqrt2);
  const Real a = degrees / 2;
  const Real ratio = t * t / degrees;
  if (std::isinf(ratio)) return 0;
  const Real x = 1 / (1 + ratio);  // I_x(a, ½) is what is looked for
  const Real front = std::exp(log_inverse_beta_half(a) - a * std::log1p(ratio)) * std::sqrt(ratio * x);
  if (x < (a + 1) / (a + 2.5)) return front * beta_fraction(a, Real(0.5), x) / a;
  return 1 - 2 * front * beta_fraction(Real(0.5), a, ratio * x);
}

/// The t that |T| exceeds with probability `tail`, in (0, 1).
template <std::same_as<double> Real>
Real two_sided_quantile(Real tail, Real degrees) {
  Real low = 0;
  Real high = 1;
  while (two_sided_tail(high, degrees) > tail && high < 1e300) low = high, high *= 2;
  for (;;) {
    const Real middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return middle;
    (two_sided_tail(middle, degrees) > tail ? low : high) = middle;
  }
}

}  // namespace l0::detail
