// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <type_traits>

#include <Eigen/Core>

#include "gates/distributions.hpp"

namespace l0::test {

/// Noise at which gates at these locations take values spread over 0, (0, 1) and 1, all of them so far from a clamp
/// that differences of up to 0.02 in the location stay on one side of it.
template <class Values, class Scalar>
Values noise_away_from_clamps(const Values& log_alpha, const HardConcrete<Scalar>& d) {
  Values u(log_alpha.rows(), log_alpha.cols());
  const Scalar zero_at = -d.gamma / (d.zeta - d.gamma);
  const Scalar one_at = (1 - d.gamma) / (d.zeta - d.gamma);
  auto s = static_cast<Scalar>(0.4);
  for (Eigen::Index i = 0; i < u.size(); ++i) {
    s = std::fmod(s + Scalar(0.6180339887), Scalar(1));
    Scalar used = Scalar(0.02) + Scalar(0.96) * s;
    if (std::abs(used - zero_at) < Scalar(0.02)) used = zero_at + Scalar(0.03);
    if (std::abs(used - one_at) < Scalar(0.02)) used = one_at - Scalar(0.03);
    u.data()[i] = 1 / (1 + std::exp(log_alpha.data()[i] - d.temperature * std::log(used / (1 - used))));
  }
  return u;
}
template <class Values, class Scalar>
Values noise_away_from_clamps(const Values& mu, const ClippedGaussian<Scalar>& d) {
  Values u(mu.rows(), mu.cols());
  auto s = static_cast<Scalar>(0.4);
  for (Eigen::Index i = 0; i < u.size(); ++i) {
    s = std::fmod(s + Scalar(0.6180339887), Scalar(1));
    Scalar used = Scalar(1.6) * s - Scalar(0.3);
    if (std::abs(used) < Scalar(0.03)) used = Scalar(0.04);
    if (std::abs(used - 1) < Scalar(0.03)) used = Scalar(0.96);
    u.data()[i] = std::erfc((mu.data()[i] - used) / d.temperature / Scalar(1.4142135624)) / 2;
  }
  return u;
}

/// log α = spread · sin(1), spread · sin(2), ..., and the fourth part of that around ½ for μ.
template <class Gate>
void spread_locations(Gate& gate, double spread = 2) {
  using Distribution = typename Gate::Distribution;
  const double centre = is_hard_concrete<Distribution> ? 0 : 0.5;
  const double width = is_hard_concrete<Distribution> ? spread : spread / 4;
  for (Eigen::Index i = 0; i < gate.size(); ++i) {
    gate.location().data()[i] =
        static_cast<typename Gate::Scalar>(centre + width * std::sin(static_cast<double>(i + 1)));
  }
}

}  // namespace l0::test
