// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

namespace l0::detail {

/// Pearson's dispersion φ = Σ w (y − μ)²/V(μ) / (n − k), the moment estimate of McCullagh & Nelder 1989, §4.5. Where a
/// model leaves out what matters, a few samples have nearly all of that sum, and features would never pay that are
/// sought from there on. So it is at most twice what the deviance says, Σ w D beside the sum that φ = 1 leads to, and
/// in a model without features at most that: a first choice that asks for less, which the second judges by Pearson's.
class Dispersion {
 public:
  /// One sample: its weight, (y − μ)²/V(μ), its deviance and the mean deviance that it would have with φ = 1.
  void add(double weight, double square, double deviance, double expected) {
    samples_ += weight;
    squares_ += weight * square;
    deviance_ += weight * deviance;
    expected_ += weight * expected;
  }
  double value(double coefficients) const {
    const double free = std::max(samples_ - coefficients, 0.5);
    const double by_deviance = deviance_ / std::max(expected_, 1e-300) * samples_ / free;
    return std::max(std::min(squares_ / free, (coefficients > 1 ? 2 : 1) * by_deviance), least);
  }

  /// Of data that a model meets.
  static constexpr double least = 1e-16;

 private:
  double samples_ = 0, squares_ = 0, deviance_ = 0, expected_ = 0;
};

/// E D of Poisson's counts with mean μ: 1 + 1/(6μ) for large μ, and much less below 1, where most are 0.
inline double mean_poisson_deviance(double mu) {
  if (mu > 20) return 1 + 1 / (6 * mu);
  double probability = std::exp(-mu), sum = probability * 2 * mu;
  const double last = mu + 8 * std::sqrt(mu) + 8;
  for (double y = 1; y < last; ++y) {
    probability *= mu / y;
    sum += probability * 2 * (y * std::log(y / mu) - (y - mu));
  }
  return sum;
}

}  // namespace l0::detail
