// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>

#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/huber.hpp>
#include <l0/regression/likelihood/robust.hpp>

namespace l0 {

/// The τ-quantile of y given X: the pinball loss ρ(r) = (τ − 1{r < 0}) r (Koenker & Bassett, Econometrica 46, 1978), as
/// the deviance 2ρ(r)/φ. It has a corner and no curvature, so that a search could not expand it: while supports are
/// sought |r| is √(r² + h²), with a width h of n^−1/3 times the spread of the residuals (median size over .6745), and
/// refits then take h to 1e-8 of that.
struct Quantile {
  static constexpr std::string_view model_name = "QuantileRegression";  ///< in files of `save`

  static constexpr bool is_location = true;  ///< η is on the scale of y

  double tau = 0.5;       ///< τ in (0, 1)
  double width = 1;       ///< h > 0, in the unit of y
  double dispersion = 1;  ///< φ > 0, in the unit of y: brings the loss to the unit of a deviance
  bool estimated = true;  ///< width and dispersion are
  int eighths = 0;        ///< how often `sharpen` took one of the width

  /// The loss smoothed by the width. Some widths from 0 there is next to no curvature, and a twentieth of that of the
  /// parabola which touches the loss from above stands for it: Newton's method would overshoot.
  FamilyPoint at(double y, double eta) const {
    const double r = y - eta, size = std::hypot(r, width);
    const double share = width / size;
    return {(size + (2 * tau - 1) * r) / dispersion, (r / size + 2 * tau - 1) / (2 * dispersion),
            std::max(share * share, 0.05) / (2 * size * dispersion)};
  }
  /// η: the quantile.
  static double mean(double eta) { return eta; }
  /// Where to start.
  static double link(double mu) { return mu; }
  /// Finite numbers.
  static bool allows(double y) { return y - y == 0; }
  /// What `allows` does.
  static std::string_view wanted() { return "a finite number"; }
  /// Throws `Error` for parameters out of range.
  void validate() const {
    detail::require(tau > 0 && tau < 1, "tau", tau, "a number in (0, 1)");
    detail::require_positive("width", width);
    detail::require_positive("dispersion", dispersion);
    detail::require(eighths >= 0 && eighths <= most_eighths, "eighths", eighths, "a number from 0 to 9");
  }
  /// Moves width and dispersion: φ is Σψ²/(n − k) over the mean curvature Σψ'/n, which at a good width is the density
  /// of the residuals at 0 (Koenker & Machado, JASA 94, 1999).
  template <class V>
  bool adapt(const V& y, const V& eta, const V& weight, double coefficients) {
    const V residual = y - eta;
    const double samples = weight.sum();
    const double before = width, before_dispersion = dispersion;
    const double spread =
        std::max(detail::median_scale(residual, weight), least_spread * detail::robust_unit(y, weight));
    width = spread / std::cbrt(samples);
    eighths = 0;
    double squares = 0, curvature = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double size = std::hypot(residual(i), width);
      const double slope = (residual(i) / size + 2 * tau - 1) / 2;
      squares += weight(i) * slope * slope;
      curvature += weight(i) * (width / size) * (width / size) * spread / (2 * size);
    }
    dispersion = spread * detail::loss_dispersion(squares, curvature, samples, coefficients);
    return detail::moved(before, width) || detail::moved(before_dispersion, dispersion);
  }
  /// Of residuals, in that of y: the width of a model that meets its targets.
  static constexpr double least_spread = 1e-6;
  /// Eighths of the width that `sharpen` takes.
  static constexpr int most_eighths = 9;
  /// An eighth of the width, down to 1e-8 of what it was: longer steps take Newton's method more steps in all.
  bool sharpen() {
    if (eighths == most_eighths) return false;
    ++eighths;
    width /= 8;
    return true;
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("tau", self.tau);
    a("width", self.width);
    a("dispersion", self.dispersion);
    a("estimated", self.estimated);
    a("eighths", self.eighths);
    if constexpr (Archive::reads) a.require_checked([&] { self.validate(); });
  }
};

}  // namespace l0
