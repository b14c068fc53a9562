// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/robust.hpp>

namespace l0 {

namespace detail {

/// d log Γ(x)/dx for x > 0: by ψ(x) = ψ(x + 1) − 1/x up to 10, there by Stirling's series (Abramowitz & Stegun 6.3.18).
inline double digamma(double x) {
  double value = 0;
  for (; x < 10; ++x) value -= 1 / x;
  const double s = 1 / (x * x);
  const double series = s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132)))));
  return value + std::log(x) - 0.5 / x - series;
}

/// ψ(θ + y) − ψ(θ), as a sum where y is a count that is not large.
inline double digamma_rise(double theta, double y) {
  if (!(y <= 30 && y == std::floor(y))) return digamma(theta + y) - digamma(theta);
  double sum = 0;
  for (double j = 0; j < y; ++j) sum += 1 / (theta + j);
  return sum;
}

}  // namespace detail

/// Counts y ≥ 0 with mean μ = e^η and variance μ + μ²/θ: Poisson's whose rate varies by a gamma distribution of shape θ
/// (Lawless, Canadian Journal of Statistics 15, 1987). θ → ∞ is Poisson's.
struct NegativeBinomial {
  static constexpr std::string_view model_name = "NegativeBinomialRegression";  ///< in files of `save`

  double theta = 1;       ///< θ > 0
  bool estimated = true;  ///< by maximum likelihood, given the coefficients of the model that is chosen

  /// Deviance 2 (y log(y/μ) − (y + θ) log((y + θ)/(μ + θ))), with the observed curvature, which is above 0.
  FamilyPoint at(double y, double eta) const {
    const double mu = mean(eta);
    const double all = mu + theta;
    // From y − μ where the fit is close, so that digits stay.
    const double ratio = (y - mu) / all;
    const double excess = (y + theta) * (std::abs(ratio) < 0.5 ? std::log1p(ratio) : std::log((y + theta) / all));
    double own = 0;
    if (std::abs(y - mu) < 0.5 * mu) {
      own = y * std::log1p((y - mu) / mu);
    } else if (y > 0) {
      own = y * (std::log(y) - std::min(eta, detail::largest_log));
    }
    return {std::max(2 * (own - excess), 0.0), theta * ratio,
            std::max((mu / all) * (theta * ((y + theta) / all)), detail::least_glm_weight)};
  }
  /// e^η.
  static double mean(double eta) { return std::exp(std::min(eta, detail::largest_log)); }
  /// log μ.
  static double link(double mu) { return std::log(mu); }
  /// Finite numbers ≥ 0, whole or not.
  static bool allows(double y) { return Poisson::allows(y); }
  /// What `allows` does.
  static std::string_view wanted() { return Poisson::wanted(); }
  /// Throws `Error` for θ ≤ 0.
  void validate() const { detail::require_positive("theta", theta); }

  /// Moves θ: the zero of the likelihood's slope in log θ, by false position in a bracket around the last θ (the
  /// Illinois rule, Dowell & Jarratt 1971). Counts that vary no more than Poisson's end at the upper end, 10⁷.
  template <class V>
  bool adapt(const V& y, const V& eta, const V& weight, double /*coefficients*/) {
    const auto slope = [&](double log_theta) {
      const double t = std::exp(log_theta);
      double sum = 0;
      for (Index i = 0; i < y.size(); ++i) {
        const double mu = mean(eta(i));
        sum += weight(i) * (detail::digamma_rise(t, y(i)) - std::log1p(mu / t) + (mu - y(i)) / (mu + t));
      }
      return t * sum;
    };
    const double least = std::log(1e-6), most = std::log(1e7);
    double low = std::clamp(std::log(theta), least, most), high = low;
    double at_low = slope(low), at_high = at_low;
    for (double step = 0.5; at_low < 0 && low > least; step *= 2) {
      high = low, at_high = at_low;
      low = std::max(low - step, least), at_low = slope(low);
    }
    for (double step = 0.5; at_high > 0 && high < most; step *= 2) {
      low = high, at_low = at_high;
      high = std::min(high + step, most), at_high = slope(high);
    }
    double found = at_low <= 0 ? low : high;  // at an end, where the slope has one sign
    if (at_low > 0 && at_high < 0) {
      int side = 0;
      for (int k = 0; k < 100 && high - low > 1e-13; ++k) {
        found = (low * at_high - high * at_low) / (at_high - at_low);
        const double here = slope(found);
        if (here == 0) break;
        if (here > 0) {
          if (found - low < 1e-13 && k > 0) break;
          low = found, at_low = here;
          if (side == 1) at_high /= 2;
          side = 1;
        } else {
          if (high - found < 1e-13 && k > 0) break;
          high = found, at_high = here;
          if (side == -1) at_low /= 2;
          side = -1;
        }
      }
    }
    const double before = std::exchange(theta, std::exp(found));
    return detail::moved(before, theta);
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("theta", self.theta);
    a("estimated", self.estimated);
    if constexpr (Archive::reads) a.require_checked([&] { self.validate(); });
  }
};

}  // namespace l0
