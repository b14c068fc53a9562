// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// One sample at linear predictor η: its deviance, −½ of the deviance's slope and ½ of its curvature in η. With the
/// canonical links used here these are y − μ and Var(y | μ).
struct GlmPoint {
  double deviance;
  double residual;
  double weight;  ///< above 0, so that no Newton system is singular for the sake of certain samples
};

/// A generalised linear model with its canonical link (McCullagh & Nelder, Generalized Linear Models, 1989).
template <class Family>
concept GlmFamily = requires(const Family& family, double y, double eta, const Matrix<double>& targets) {
  { family.at(y, eta) } -> std::same_as<GlmPoint>;
  { family.mean(eta) } -> std::same_as<double>;
  { family.start(y, y) } -> std::same_as<double>;
  { Family::is_label } -> std::convertible_to<bool>;  // y are classes, which folds have in equal shares
  family.require_targets(std::string_view(), targets);
};

inline constexpr double least_glm_weight = 1e-10;

/// y in {0, 1}, P(y = 1) = 1/(1 + e^−η).
struct LogisticFamily {
  static constexpr bool is_label = true;

  /// Deviance 2 (log(1 + e^η) − y η), which is −2 log likelihood. Everything from e = e^−|η|, which cannot overflow.
  static GlmPoint at(double y, double eta) {
    const double e = std::exp(-std::abs(eta));
    const double share = 1 / (1 + e);
    const double mu = eta >= 0 ? share : e * share;
    return {2 * (std::max(eta, 0.0) - y * eta + std::log1p(e)), y - mu, std::max(e * share * share, least_glm_weight)};
  }

  static double mean(double eta) {
    const double e = std::exp(-std::abs(eta));
    return (eta >= 0 ? 1 : e) / (1 + e);
  }

  /// The η of a model without features, finite even where all `samples` labels agree.
  static double start(double mean_target, double samples) {
    const double margin = 0.5 / std::max(samples, 1.0);
    const double mu = std::clamp(mean_target, margin, 1 - margin);
    return std::log(mu / (1 - mu));
  }

  template <class Derived>
  static void require_targets(std::string_view argument, const Eigen::MatrixBase<Derived>& targets) {
    for (Index i = 0; i < targets.rows(); ++i) {
      const auto y = targets.derived().coeff(i, 0);
      if (!(y == 0 || y == 1)) {
        fail(std::string(argument).append("(" + to_text(i) + ")"), to_text(y),
             "a label 0 or 1 (MultinomialRegression takes more classes)");
      }
    }
  }
};

/// Counts y ≥ 0 with mean e^η. Where samples were watched for different times, log time is the offset.
struct PoissonFamily {
  static constexpr bool is_label = false;

  /// Deviance 2 (y log(y/μ) − (y − μ)) = 2 y (expm1(u) − u) with u = η − log y, which keeps its digits where the fit is
  /// close and y is large. μ is cut off at e^700.
  static GlmPoint at(double y, double eta) {
    const double exponent = std::min(eta, largest_eta);
    if (!(y > 0)) {
      const double mu = std::exp(exponent);
      return {2 * mu, -mu, std::max(mu, least_glm_weight)};
    }
    const double log_y = std::log(y);
    const double excess = std::expm1(exponent - log_y);
    return {2 * y * (excess - (eta - log_y)), -y * excess, std::max(y + y * excess, least_glm_weight)};
  }

  static double mean(double eta) { return std::exp(std::min(eta, largest_eta)); }

  static double start(double mean_target, double samples) {
    return std::log(std::max(mean_target, 0.5 / std::max(samples, 1.0)));
  }

  template <class Derived>
  static void require_targets(std::string_view argument, const Eigen::MatrixBase<Derived>& targets) {
    for (Index i = 0; i < targets.rows(); ++i) {
      const auto y = targets.derived().coeff(i, 0);
      if (!(y >= 0 && y - y == 0)) {
        fail(std::string(argument).append("(" + to_text(i) + ")"), to_text(y), "a finite count >= 0");
      }
    }
  }

 private:
  static constexpr double largest_eta = 700;
};

}  // namespace l0::detail
