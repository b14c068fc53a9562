// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/trees/options.hpp>
#include <l0/trees/samples.hpp>

namespace l0::detail {

/// Value, slope and curvature of a loss in η, sample by sample.
struct TreeLossFormulas {
  TreeLoss loss;
  double unit = 1;  ///< what the square of the unit of y and η is worth: `value` and `mean` are times that

  double value(double eta, double y) const {
    switch (loss) {
      case TreeLoss::squared: return unit * (y - eta) * (y - eta);
      case TreeLoss::logistic: return std::max(eta, 0.0) + std::log1p(std::exp(-std::abs(eta))) - y * eta;
      case TreeLoss::poisson: break;
    }
    return std::exp(eta) - y * eta + (y > 0 ? y * std::log(y) - y : 0.0);
  }

  /// Writes dℓ/dη and d²ℓ/dη² for all samples, times their weights.
  template <class Scalar>
  void expand(const Vector<Scalar>& eta, const Vector<Scalar>& y, const Vector<Scalar>& weight, Vector<Scalar>& slope,
              Vector<Scalar>& curvature) const {
    switch (loss) {
      case TreeLoss::squared:
        slope = 2 * weight.cwiseProduct(eta - y);
        curvature = 2 * weight;
        break;
      case TreeLoss::logistic:
        curvature = (1 + (-eta.array()).exp()).inverse();
        slope = weight.cwiseProduct(curvature - y);
        curvature.array() *= (1 - curvature.array()) * weight.array();
        break;
      case TreeLoss::poisson:
        curvature = eta.array().exp();
        slope = weight.cwiseProduct(curvature - y);
        curvature.array() *= weight.array();
        break;
    }
  }

  /// The mean loss of weighted samples.
  template <class Scalar>
  double mean(const Vector<Scalar>& eta, const Vector<Scalar>& y, const Vector<Scalar>& weight) const {
    double total = 0;
    double samples = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const auto w = static_cast<double>(weight(i));
      total += w * value(static_cast<double>(eta(i)), static_cast<double>(y(i)));
      samples += w;
    }
    return samples > 0 ? total / samples : 0;
  }

  /// The best constant η of some samples. Where it is infinite (labels of one kind, no counts at all), the one for half
  /// an event more.
  template <class Scalar>
  double constant(const RankedSamples<Scalar>& data, const std::vector<Index>& rows) const {
    double samples = 0;
    double events = 0;  // and, for counts, what is expected of them at η = 0
    double expected = 0;
    const bool shifted = data.offset.size() > 0;
    for (const Index i : rows) {
      const auto w = static_cast<double>(data.weight(i));
      const double offset = shifted ? static_cast<double>(data.offset(i)) : 0;
      samples += w;
      events += w * (static_cast<double>(data.y(i)) - (loss == TreeLoss::squared ? offset : 0));
      expected += w * std::exp(loss == TreeLoss::poisson ? offset : 0);
    }
    if (loss == TreeLoss::squared) return events / samples;
    if (loss == TreeLoss::poisson) return std::log(std::max(events, 0.5) / expected);
    if (!(samples >= 2)) return 0;
    const double p = std::clamp(events / samples, 0.5 / samples, 1 - 0.5 / samples);
    double eta = std::log(p / (1 - p));
    for (int step = 0; shifted && step < 50; ++step) {
      double slope = p * samples;
      double curvature = 0;
      for (const Index i : rows) {
        const double mean = 1 / (1 + std::exp(-eta - static_cast<double>(data.offset(i))));
        slope -= static_cast<double>(data.weight(i)) * mean;
        curvature += static_cast<double>(data.weight(i)) * mean * (1 - mean);
      }
      const double move = std::clamp(slope / std::max(curvature, 1e-10 * samples), -2.0, 2.0);
      eta += move;
      if (std::abs(move) < 1e-10) break;
    }
    return eta;
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
