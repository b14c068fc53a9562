// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace l0::test {

/// How many standard deviations a normal statistic may be off: 5, which chance exceeds once in 1.7 million times. Seeds
/// are fixed, so a test that passes passes always.
inline constexpr double allowed_deviations = 5;

/// The largest distance between the empirical distribution of `values` and cdf(t) = P(z ≤ t). Point masses are
/// allowed: below(t) = P(z < t).
template <class Cdf, class Below>
double kolmogorov_distance(std::vector<double> values, Cdf&& cdf, Below&& below) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double distance = 0;
  for (auto first = values.begin(); first != values.end();) {
    const auto last = std::upper_bound(first, values.end(), *first);
    distance = std::max(distance, std::abs(static_cast<double>(first - values.begin()) / n - below(*first)));
    distance = std::max(distance, std::abs(static_cast<double>(last - values.begin()) / n - cdf(*first)));
    first = last;
  }
  return distance;
}

template <class Cdf>
double kolmogorov_distance(std::vector<double> values, Cdf&& cdf) {
  return kolmogorov_distance(std::move(values), cdf, cdf);
}

/// The distance that n values of the right distribution, whichever it is, exceed once in a million times: the
/// inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, P(D > d) ≤ 2 exp(−2nd²).
inline double kolmogorov_bound(std::size_t n) { return std::sqrt(std::log(2e6) / (2 * static_cast<double>(n))); }

}  // namespace l0::test
