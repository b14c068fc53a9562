// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/trees/options.hpp>

namespace l0::detail {

/// Value, slope and curvature of a loss in η, sample by sample.
struct TreeLossFormulas {
  TreeLoss loss;

  double value(double eta, double y) const {
    switch (loss) {
      case TreeLoss::squared: return (y - eta) * (y - eta);
      case TreeLoss::logistic: return std::max(eta, 0.0) + std::log1p(std::exp(-std::abs(eta))) - y * eta;
      case TreeLoss::poisson: break;
    }
    return std::exp(eta) - y * eta + (y > 0 ? y * std::log(y) - y : 0.0);
  }

  /// Writes dℓ/dη and d²ℓ/dη² for all samples.
  template <class Scalar>
  void expand(const Vector<Scalar>& eta, const Vector<Scalar>& y, Vector<Scalar>& slope,
              Vector<Scalar>& curvature) const {
    switch (loss) {
      case TreeLoss::squared:
        slope = 2 * (eta - y);
        curvature.setConstant(eta.size(), Scalar(2));
        break;
      case TreeLoss::logistic:
        curvature = (1 + (-eta.array()).exp()).inverse();
        slope = curvature - y;
        curvature.array() *= 1 - curvature.array();
        break;
      case TreeLoss::poisson:
        curvature = eta.array().exp();
        slope = curvature - y;
        break;
    }
  }

  /// The mean loss.
  template <class Scalar>
  double mean(const Vector<Scalar>& eta, const Vector<Scalar>& y) const {
    double total = 0;
    for (Index i = 0; i < y.size(); ++i) total += value(static_cast<double>(eta(i)), static_cast<double>(y(i)));
    return y.size() == 0 ? 0 : total / static_cast<double>(y.size());
  }

  /// The best constant η. Where it is infinite (labels of one kind, no counts at all), the one for half an event more.
  double constant(double mean, double samples) const {
    if (loss == TreeLoss::squared) return mean;
    const double half = 0.5 / samples;
    if (loss == TreeLoss::poisson) return std::log(std::max(mean, half));
    const double p = std::clamp(mean, half, 1 - half);
    return samples < 2 ? 0 : std::log(p / (1 - p));
  }

  /// Refuses what is no response of this loss.
  template <class Y>
  void check(const Eigen::DenseBase<Y>& y) const {
    require_finite("y", y);
    for (Index i = 0; i < y.size(); ++i) {
      const auto value = y.derived().coeff(i);
      if (loss == TreeLoss::logistic) require(value == 0 || value == 1, "y", value, "a label, 0 or 1");
      if (loss == TreeLoss::poisson) require(value >= 0, "y", value, "a count >= 0");
    }
  }
};

}  // namespace l0::detail
