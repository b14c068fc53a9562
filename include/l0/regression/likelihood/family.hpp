// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <string_view>

#include <l0/core/types.hpp>

namespace l0 {

/// One sample at linear predictor η, in units of the deviance (−2 log likelihood, less a constant): the deviance, −½ of
/// its slope and ½ of its curvature in η. With a canonical link the last two are y − μ and Var(y | μ).
struct FamilyPoint {
  double deviance;  ///< ≥ 0
  double residual;  ///< −½ of the slope
  double weight;    ///< above 0: the curvature, or what is expected of it, or a bound of it
};

/// A distribution of one target given η: all that `GeneralizedLinearModel<Scalar, F>` asks of it. An object: what it
/// knows beside η (a shape, a quantile) is a member.
///
///     at(y, eta)      deviance, residual and weight, finite for every finite η
///     mean(eta)       what is predicted
///     link(mean)      η of a mean: where a model without features starts
///     allows(y)       whether y may be a target; others are refused, with
///     wanted()        as the expectation
///
/// It may have more:
///
///     validate()                     throws Error for parameters out of range, before a fit
///     adapt(y, eta, weight, k)       see AdaptiveFamily
///     sharpen()                      see SmoothedFamily
///     static constexpr bool is_label      y are classes 0, 1, ..., which folds have in equal shares
///     static constexpr bool is_location   η is on the scale of y: y times c and η times c leave `at` as it was, once
///                                         `adapt` has moved the scale
///
/// The search minimises deviance + price of the size: a deviance that is not one of a likelihood must be brought to its
/// unit, so that a feature without effect lowers it by about χ² with one degree of freedom.
template <class F>
concept Family = std::copyable<F> && requires(const F& family, double y, double eta) {
  { family.at(y, eta) } -> std::same_as<FamilyPoint>;
  { family.mean(eta) } -> std::same_as<double>;
  { family.link(y) } -> std::same_as<double>;
  { family.allows(y) } -> std::same_as<bool>;
  { family.wanted() } -> std::convertible_to<std::string_view>;
};

/// A family that estimates something beside η: `adapt` moves it to its best at given targets, linear predictors and
/// sample weights (which sum to what the samples are worth) of a fit with so many coefficients, and says whether it
/// moved. Called between fits. Where there is a member `bool estimated`, only if it is true.
template <class F>
concept AdaptiveFamily = Family<F> && requires(F& family, const Vector<double>& v, double coefficients) {
  { family.adapt(v, v, v, coefficients) } -> std::same_as<bool>;
};

/// A family whose deviance is a smooth stand-in, which a search can expand: `sharpen` moves it a step towards the one
/// that is meant, false at the end. Refits follow it there.
template <class F>
concept SmoothedFamily = Family<F> && requires(F& family) {
  { family.sharpen() } -> std::same_as<bool>;
};

namespace detail {

/// The least weight of a sample: no Newton system is singular for the sake of certain ones.
inline constexpr double least_glm_weight = 1e-10;
/// Where e^η is cut off.
inline constexpr double largest_log = 700;

template <class F>
constexpr bool family_is_label() {
  if constexpr (requires { F::is_label; }) return F::is_label;
  return false;
}
template <class F>
constexpr bool family_is_location() {
  if constexpr (requires { F::is_location; }) return F::is_location;
  return false;
}
template <class F>
constexpr bool family_adapts(const F& family) {
  if constexpr (!AdaptiveFamily<F>) {
    return false;
  } else if constexpr (requires { family.estimated; }) {
    return family.estimated;
  } else {
    return true;
  }
}

}  // namespace detail

/// Labels y in {0, 1}, P(y = 1) = 1/(1 + e^−η) (McCullagh & Nelder, Generalized Linear Models, 1989, as all with one
/// parameter here).
struct Bernoulli {
  static constexpr bool is_label = true;  ///< y are classes

  /// Deviance 2 (log(1 + e^η) − y η), which is −2 log likelihood. Everything from e = e^−|η|, which cannot overflow.
  static FamilyPoint at(double y, double eta) {
    const double e = std::exp(-std::abs(eta));
    const double share = 1 / (1 + e);
    const double mu = eta >= 0 ? share : e * share;
    return {2 * (std::max(eta, 0.0) - y * eta + std::log1p(e)), y - mu,
            std::max(e * share * share, detail::least_glm_weight)};
  }
  /// P(y = 1).
  static double mean(double eta) {
    const double e = std::exp(-std::abs(eta));
    return (eta >= 0 ? 1 : e) / (1 + e);
  }
  /// The logit.
  static double link(double mu) { return std::log(mu / (1 - mu)); }
  /// 0 and 1.
  static bool allows(double y) { return y == 0 || y == 1; }
  /// What `allows` does.
  static std::string_view wanted() { return "a label 0 or 1 (MultinomialRegression takes more classes)"; }
};

/// Counts y ≥ 0 with mean e^η. Where samples were watched for different times, log time is the offset.
struct Poisson {
  static constexpr std::string_view model_name = "PoissonRegression";  ///< in files of `save`

  /// Deviance 2 (y log(y/μ) − (y − μ)) = 2 y (expm1(u) − u) with u = η − log y, which keeps its digits where the fit is
  /// close and y is large. μ is cut off at e^700.
  static FamilyPoint at(double y, double eta) {
    const double exponent = std::min(eta, detail::largest_log);
    if (!(y > 0)) {
      const double mu = std::exp(exponent);
      return {2 * mu, -mu, std::max(mu, detail::least_glm_weight)};
    }
    const double log_y = std::log(y);
    const double excess = std::expm1(exponent - log_y);
    return {2 * y * (excess - (eta - log_y)), -y * excess, std::max(y + y * excess, detail::least_glm_weight)};
  }
  /// e^η.
  static double mean(double eta) { return std::exp(std::min(eta, detail::largest_log)); }
  /// log μ.
  static double link(double mu) { return std::log(mu); }
  /// Finite numbers ≥ 0, whole or not.
  static bool allows(double y) { return y >= 0 && y - y == 0; }
  /// What `allows` does.
  static std::string_view wanted() { return "a finite count >= 0"; }
};

}  // namespace l0
