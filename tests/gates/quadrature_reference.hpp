// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <numbers>

namespace l0::test {

/// ∫₀¹ f(t, 1 − t) dt by the double exponential rule of Takahasi & Mori (1974) in long double: no singularity at or
/// beyond the ends of the interval harms it, which is where those of a gate's survival function are.
template <class Function>
long double integrate(Function&& f) {
  const long double h = 1.0L / 256;
  long double sum = 0;
  for (int k = -1280; k <= 1280; ++k) {  // |x| ≤ 5: beyond, weights are below 1e-97
    const long double x = h * static_cast<long double>(k);
    const long double y = std::numbers::pi_v<long double> * std::sinh(x);
    const long double t = 1 / (1 + std::exp(-y));
    const long double rest = 1 / (1 + std::exp(y));
    sum += h * std::numbers::pi_v<long double> * std::cosh(x) * t * rest * f(t, rest);
  }
  return sum;
}

/// What `l0::GateMoments` holds, from the definition. Where log α > 0 it is 1 − z whose moments are integrated.
struct ReferenceMoments {
  ReferenceMoments(double temperature, double gamma, double zeta, double log_alpha) {
    const bool complement = log_alpha > 0;
    const auto tail = [&](long double t, long double rest) {
      const long double logit =
          static_cast<long double>(log_alpha) -
          static_cast<long double>(temperature) *
              std::log((t - static_cast<long double>(gamma)) / (static_cast<long double>(zeta) - 1 + rest));
      return 1 / (1 + std::exp(complement ? logit : -logit));
    };
    const auto lever = [&](long double t, long double rest) { return 2 * (complement ? rest : t); };
    const auto slope = [&](long double t, long double rest) { return tail(t, rest) * (1 - tail(t, rest)); };
    const long double first = integrate(tail);
    const long double second = integrate([&](auto t, auto rest) { return lever(t, rest) * tail(t, rest); });
    const long double first_slope = integrate(slope);
    const long double second_slope = integrate([&](auto t, auto rest) { return lever(t, rest) * slope(t, rest); });
    mean = static_cast<double>(complement ? 1 - first : first);
    variance = static_cast<double>(second - first * first);
    mean_derivative = static_cast<double>(first_slope);
    variance_derivative = static_cast<double>((complement ? -1 : 1) * (second_slope - 2 * first * first_slope));
  }

  double mean;
  double variance;
  double mean_derivative;
  double variance_derivative;
};

}  // namespace l0::test
