// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <Eigen/Core>

namespace l0::test {

/// Noise at which gates with these log α take values spread over 0, (0, 1) and 1, all of them at least 0.01 from a
/// clamp in s, so that differences of up to 0.02 in log α stay on one side of it.
template <class Values, class Distribution>
Values noise_away_from_clamps(const Values& log_alpha, const Distribution& d) {
  using Scalar = typename Values::Scalar;
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

/// log α = spread · sin(1), spread · sin(2), ...
template <class Values>
void spread_log_alpha(Values&& log_alpha, double spread = 2) {
  using Scalar = typename std::remove_cvref_t<Values>::Scalar;
  for (Eigen::Index i = 0; i < log_alpha.size(); ++i) {
    log_alpha.data()[i] = static_cast<Scalar>(spread * std::sin(static_cast<double>(i + 1)));
  }
}

}  // namespace l0::test
