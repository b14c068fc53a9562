// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include <l0/gates/distribution.hpp>

namespace l0 {

namespace detail {

struct QuadratureNode {
  double position;
  double weight;
};

/// The Gauss–Legendre rule with n nodes on [0, 1]: roots of the Legendre polynomial by Newton's method.
template <int n>
std::array<QuadratureNode, n> gauss_legendre() {
  std::array<QuadratureNode, n> nodes;
  for (int i = 0; i < n; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5));
    double slope = 1;
    for (int iteration = 0; iteration < 10; ++iteration) {
      double previous = 1;
      double value = x;
      for (int k = 2; k <= n; ++k) {
        const double next = ((2 * k - 1) * x * value - (k - 1) * previous) / k;
        previous = value;
        value = next;
      }
      slope = n * (x * value - previous) / (x * x - 1);
      x -= value / slope;
    }
    nodes[static_cast<std::size_t>(i)] = {(1 - x) / 2, 1 / ((1 - x * x) * slope * slope)};
  }
  return nodes;
}

}  // namespace detail

/// Moments of a stretched and clamped gate by Gauss–Legendre quadrature of the survival function
/// P(t) = σ(log α − β log r(t)), r(t) = (t−γ)/(ζ−t):
///
///     E[z] = ∫₀¹ P dt,  E[z²] = ∫₀¹ 2t P dt,  d/dlog α: P → P(1−P).
///
/// With c(t) = r(t)^β prepared per node, P = 1/(1 + c e^{−log α}): one exponential per gate. For log α > 0 the
/// complement 1 − P is integrated, or the variance of a gate near 1 would lose its relative accuracy.
///
/// The integrand is smooth on [0, 1]; its singularities are the branch points γ and ζ and, for β > 1, poles where
/// β·arg r = π. One panel of 24 nodes leaves a relative error of 1e-14 at β ≤ 0.5 and 1e-11 at β = 2 if |γ|, ζ−1 ≥ 0.1;
/// more panels, shrinking towards the ends, serve other parameters (see `for_panels`).
class MomentRule {
 public:
  /// For temperature β > 0, γ < 0, ζ > 1; |log α| is cut off at `limit`.
  MomentRule(double temperature, double gamma, double zeta, double limit) : limit_(limit) {
    static const auto rule = detail::gauss_legendre<24>();
    for_panels(temperature, gamma, zeta, 0, 1, [&](double begin, double end) {
      for (const detail::QuadratureNode& node : rule) {
        const double t = begin + (end - begin) * node.position;
        nodes_.push_back(t);
        nodes_.push_back((end - begin) * node.weight);
        nodes_.push_back(std::exp(temperature * std::log((t - gamma) / (zeta - t))));
      }
    });
  }

  /// visit(position, weight, ratio) for every node t, with ratio = r(t)^β: what kernels over many gates need.
  template <class Visit>
  void for_nodes(Visit&& visit) const {
    for (std::size_t i = 0; i < nodes_.size(); i += 3) visit(nodes_[i], nodes_[i + 1], nodes_[i + 2]);
  }

  /// The moments at log α.
  GateMoments evaluate(double log_alpha) const {
    const double cut = std::clamp(log_alpha, -limit_, limit_);
    const bool complement = cut > 0;
    const double odds = std::exp(-cut);
    double first = 0;  // moments of z, or of 1 − z where that is the small one
    double second = 0;
    double first_slope = 0;
    double second_slope = 0;
    for_nodes([&](double position, double weight, double ratio) {
      const double c = ratio * odds;
      const double p = 1 / (1 + c);
      const double q = std::isinf(c) ? 1 : c * p;
      const double tail = complement ? q : p;
      const double lever = 2 * (complement ? 1 - position : position);
      first += weight * tail;
      second += weight * lever * tail;
      first_slope += weight * p * q;
      second_slope += weight * lever * p * q;
    });
    const double sign = complement ? -1 : 1;
    GateMoments moments;
    moments.mean = complement ? 1 - first : first;
    moments.variance = second - first * first;
    if (std::abs(log_alpha) <= limit_) {
      moments.mean_derivative = first_slope;
      moments.variance_derivative = sign * (second_slope - 2 * first * first_slope);
    }
    return moments;
  }

 private:
  /// visit(begin, end) for the panels, from right to left: [begin, end] cut so that 24 nodes per panel leave 1e-11 of
  /// each moment. No panel is longer than ten times its distance to the branch points or, for β > 1, than about twice
  /// the distance of its middle and seven times that of its ends to the poles, which lie near
  /// t ± iπ/β (t−γ)(ζ−t)/(ζ−γ).
  template <class Visit>
  static void for_panels(double temperature, double gamma, double zeta, double begin, double end, const Visit& visit) {
    const auto pole_distance = [&](double t) {
      return std::numbers::pi / temperature * (t - gamma) * (zeta - t) / (zeta - gamma);
    };
    const double middle = (begin + end) / 2;
    double allowed = 10 * std::min(begin - gamma, zeta - end);
    if (temperature > 1) {
      const double at_ends = std::min(pole_distance(begin), pole_distance(end));
      allowed = std::min({allowed, 2.2 * pole_distance(middle), 7 * at_ends});
    }
    if (end - begin <= allowed || end - begin < 1e-12) {
      visit(begin, end);
    } else {
      for_panels(temperature, gamma, zeta, middle, end, visit);
      for_panels(temperature, gamma, zeta, begin, middle, visit);
    }
  }

  std::vector<double> nodes_;  // position, weight and ratio r(t)^β of one node after the other
  double limit_;
};

}  // namespace l0
