// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>

#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/dispersion.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/robust.hpp>

namespace l0 {

/// Counts y ≥ 0 with mean μ = e^η and variance φμ (Wedderburn, Biometrika 61, 1974): Poisson's deviance divided by φ.
/// Where counts vary more than Poisson's (φ > 1) features without effect then look no better than they are.
struct QuasiPoisson {
  static constexpr std::string_view model_name = "QuasiPoissonRegression";  ///< in files of `save`

  double dispersion = 1;  ///< φ > 0
  bool estimated = true;  ///< by Pearson's Σ (y − μ)²/μ / (n − k) of the model that is chosen, see `adapt`

  /// Poisson's, divided by φ.
  FamilyPoint at(double y, double eta) const {
    const FamilyPoint point = Poisson::at(y, eta);
    return {point.deviance / dispersion, point.residual / dispersion, point.weight / dispersion};
  }
  /// e^η.
  static double mean(double eta) { return Poisson::mean(eta); }
  /// log μ.
  static double link(double mu) { return Poisson::link(mu); }
  /// Finite numbers ≥ 0, whole or not.
  static bool allows(double y) { return Poisson::allows(y); }
  /// What `allows` does.
  static std::string_view wanted() { return Poisson::wanted(); }
  /// Throws `Error` for φ ≤ 0.
  void validate() const { detail::require_positive("dispersion", dispersion); }
  /// Moves φ, to Pearson's estimate, bounded by the deviance as `detail::Dispersion` tells.
  template <class V>
  bool adapt(const V& y, const V& eta, const V& weight, double coefficients) {
    detail::Dispersion found;
    for (Index i = 0; i < y.size(); ++i) {
      const double mu = std::max(mean(eta(i)), detail::least_glm_weight);
      found.add(weight(i), (y(i) - mu) * (y(i) - mu) / mu, Poisson::at(y(i), eta(i)).deviance,
                detail::mean_poisson_deviance(mu));
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
