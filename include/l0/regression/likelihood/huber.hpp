// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>

#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/dispersion.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/robust.hpp>

namespace l0 {

namespace detail {

/// Σψ²/(n − k) over Σψ'/n: by how much more than χ² with one degree of freedom twice the loss falls by a feature
/// without effect, whatever the distribution of the residuals (Schrader & Hettmansperger, Biometrika 67, 1980).
inline double loss_dispersion(double squares, double curvature, double samples, double coefficients) {
  const double slope = squares / std::max(samples - coefficients, 0.5);
  return std::max(slope / std::max(curvature / samples, 1e-3), Dispersion::least);
}

}  // namespace detail

/// Targets with wild values: squares of residuals r up to δs, beyond it their size (Huber, Ann. Math. Stat. 35, 1964):
/// 2ρ(r/s)/φ with ρ(u) = u²/2, or δ|u| − δ²/2 beyond δ. The scale s is the median size of the residuals over .6745 (the
/// MAD), so that δ is in units of the deviation of Gaussian residuals.
struct Huber {
  static constexpr std::string_view model_name = "HuberRegression";  ///< in files of `save`

  static constexpr bool is_location = true;  ///< η is on the scale of y

  double delta = 1.345;   ///< δ > 0; 1.345: 95 % of the efficiency of least squares for Gaussian residuals
  double scale = 1;       ///< s > 0, in the unit of y
  double dispersion = 1;  ///< φ > 0: brings the loss to the unit of a deviance
  bool estimated = true;  ///< scale and dispersion are; δ is not

  /// The loss, with the curvature of the parabola that touches it from above and is centred at y (Huber's weights):
  /// Newton's method with it is iteratively reweighted least squares.
  FamilyPoint at(double y, double eta) const {
    const double u = (y - eta) / scale, size = std::abs(u);
    const double unit = 1 / (scale * dispersion);
    if (size <= delta) return {u * u / dispersion, u * unit, unit / scale};
    return {(2 * size - delta) * delta / dispersion, std::copysign(delta, u) * unit, delta / size * unit / scale};
  }
  /// η.
  static double mean(double eta) { return eta; }
  /// μ.
  static double link(double mu) { return mu; }
  /// Finite numbers.
  static bool allows(double y) { return y - y == 0; }
  /// What `allows` does.
  static std::string_view wanted() { return "a finite number"; }
  /// Throws `Error` for parameters ≤ 0.
  void validate() const {
    detail::require_positive("delta", delta);
    detail::require_positive("scale", scale);
    detail::require_positive("dispersion", dispersion);
  }
  /// Moves scale and dispersion. A scale of 0, of a model that meets most targets, is 1e-9 of their spread.
  template <class V>
  bool adapt(const V& y, const V& eta, const V& weight, double coefficients) {
    const V residual = y - eta;
    const double before = scale, before_dispersion = dispersion;
    scale = std::max(detail::median_scale(residual, weight), 1e-9 * detail::robust_unit(y, weight));
    double squares = 0, inside = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double u = std::abs(residual(i)) / scale;
      squares += weight(i) * std::min(u, delta) * std::min(u, delta);
      if (u <= delta) inside += weight(i);
    }
    dispersion = detail::loss_dispersion(squares, inside, weight.sum(), coefficients);
    return detail::moved(before, scale) || detail::moved(before_dispersion, dispersion);
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("delta", self.delta);
    a("scale", self.scale);
    a("dispersion", self.dispersion);
    a("estimated", self.estimated);
    if constexpr (Archive::reads) a.require_checked([&] { self.validate(); });
  }
};

}  // namespace l0
