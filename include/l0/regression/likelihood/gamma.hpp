// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/dispersion.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/robust.hpp>

namespace l0 {

/// Amounts y > 0 with mean μ = e^η and a constant coefficient of variation √φ, as costs and durations have: the gamma
/// distribution of shape 1/φ. The log link is not the canonical one, but the deviance is convex in η all the same.
struct Gamma {
  static constexpr std::string_view model_name = "GammaRegression";  ///< in files of `save`

  double dispersion = 1;  ///< φ > 0
  bool estimated = true;  ///< by Pearson's Σ (y/μ − 1)² / (n − k) of the model that is chosen, see `adapt`

  /// Deviance 2 (y/μ − 1 − log(y/μ))/φ, with the observed curvature.
  FamilyPoint at(double y, double eta) const {
    const double u = std::min(std::log(y) - eta, detail::largest_log);
    const double excess = std::expm1(u);
    return {2 * (excess - u) / dispersion, excess / dispersion,
            std::max((1 + excess) / dispersion, detail::least_glm_weight)};
  }
  /// e^η.
  static double mean(double eta) { return std::exp(std::min(eta, detail::largest_log)); }
  /// log μ.
  static double link(double mu) { return std::log(mu); }
  /// Finite numbers > 0.
  static bool allows(double y) { return y > 0 && y - y == 0; }
  /// What `allows` does.
  static std::string_view wanted() { return "a finite number > 0"; }
  /// Throws `Error` for φ ≤ 0.
  void validate() const { detail::require_positive("dispersion", dispersion); }
  /// Moves φ, to Pearson's estimate, bounded by the deviance as `detail::Dispersion` tells. Not by maximum likelihood,
  /// which small y and their rounding lead astray (McCullagh & Nelder 1989, §8.3).
  template <class V>
  bool adapt(const V& y, const V& eta, const V& weight, double coefficients) {
    detail::Dispersion found;
    for (Index i = 0; i < y.size(); ++i) {
      const double excess = std::expm1(std::min(std::log(y(i)) - eta(i), detail::largest_log / 2));
      found.add(weight(i), excess * excess, at(y(i), eta(i)).deviance * dispersion, 1);
    }
    const double before = std::exchange(dispersion, found.value(coefficients));
    return detail::moved(before, dispersion);
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("dispersion", self.dispersion);
    a("estimated", self.estimated);
    if constexpr (Archive::reads) a.require_checked([&] { self.validate(); });
  }
};

}  // namespace l0
