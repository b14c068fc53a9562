// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>

namespace l0 {

/// What it costs to move a weight away from its reference d, as a function G of the ratio r = w/d (Deville & Särndal
/// 1992): convex, 0 with slope 0 at r = 1. `slope` is G', `curvature` G'' > 0, `ratio` the inverse of G': calibrated
/// weights are w = d · ratio(mᵀλ). `lowest` and `highest` are the bounds of r.
template <class D>
concept Distance = std::copyable<D> && requires(const D d, double r, double u) {
  { d.cost(r) } -> std::same_as<double>;
  { d.slope(r) } -> std::same_as<double>;
  { d.curvature(r) } -> std::same_as<double>;
  { d.ratio(u) } -> std::same_as<double>;
  { d.lowest() } -> std::same_as<double>;
  { d.highest() } -> std::same_as<double>;
};

/// χ², G = (r − 1)²/2: generalised regression (GREG). Its weights may be negative.
struct LinearDistance {
  double cost(double r) const { return 0.5 * (r - 1) * (r - 1); }             ///< G
  double slope(double r) const { return r - 1; }                              ///< G'
  double curvature(double /*r*/) const { return 1; }                          ///< G''
  double ratio(double u) const { return 1 + u; }                              ///< the inverse of G'
  double lowest() const { return -std::numeric_limits<double>::infinity(); }  ///< none
  double highest() const { return std::numeric_limits<double>::infinity(); }  ///< none
};

/// Entropy, G = r log r − r + 1: raking. Weights stay > 0.
struct RakingDistance {
  double cost(double r) const { return r > 0 ? r * std::log(r) - r + 1 : 1; }  ///< G
  double slope(double r) const { return std::log(r); }                         ///< G'
  double curvature(double r) const { return 1 / r; }                           ///< G''
  /// The inverse of G', held where numbers end.
  double ratio(double u) const { return std::exp(std::clamp(u, -700.0, 700.0)); }
  double lowest() const { return 0; }                                         ///< never reached
  double highest() const { return std::numeric_limits<double>::infinity(); }  ///< none
};

/// χ² between bounds.
struct TruncatedDistance {
  double lower = 0;  ///< least ratio, < 1
  double upper = 3;  ///< largest ratio, > 1

  double cost(double r) const { return 0.5 * (r - 1) * (r - 1); }                   ///< G between the bounds
  double slope(double r) const { return r - 1; }                                    ///< G'
  double curvature(double /*r*/) const { return 1; }                                ///< G''
  double ratio(double u) const { return std::min(std::max(1 + u, lower), upper); }  ///< the inverse of G'
  double lowest() const { return lower; }                                           ///< `lower`
  double highest() const { return upper; }                                          ///< `upper`
};

/// Between bounds L < 1 < U and smooth (logit): with A = (U − L)/((1 − L)(U − 1)),
/// G = ((r − L) log((r − L)/(1 − L)) + (U − r) log((U − r)/(U − 1)))/A.
struct LogitDistance {
  double lower = 0;  ///< L
  double upper = 3;  ///< U

  /// G.
  double cost(double r) const {
    const auto part = [](double x, double at_one) { return x > 0 ? x * std::log(x / at_one) : 0; };
    return (part(r - lower, 1 - lower) + part(upper - r, upper - 1)) / steepness();
  }
  /// G'.
  double slope(double r) const {
    return (std::log((r - lower) / (1 - lower)) - std::log((upper - r) / (upper - 1))) / steepness();
  }
  double curvature(double r) const { return (1 / (r - lower) + 1 / (upper - r)) / steepness(); }  ///< G''
  /// The inverse of G'.
  double ratio(double u) const {
    const double e = std::exp(std::clamp(steepness() * u, -700.0, 700.0));
    return lower + (upper - lower) * ((1 - lower) * e / (upper - 1 + (1 - lower) * e));
  }
  double lowest() const { return lower; }   ///< `lower`
  double highest() const { return upper; }  ///< `upper`

 private:
  double steepness() const { return (upper - lower) / ((1 - lower) * (upper - 1)); }
};

}  // namespace l0
