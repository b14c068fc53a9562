// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include <l0/core/error.hpp>
#include <l0/core/math.hpp>

/// \file
/// What gate distributions share, and what a `Gate` needs of one.

namespace l0 {

/// How a gate is evaluated without noise: with the temperature, σ(log α/β), as l0-python does, or without, σ(log α), as
/// in eq. 13 of the paper. Both are then stretched and clamped, and agree on which gates are exactly 0 or 1 only as β
/// → 1. Distributions whose gate without noise does not depend on the temperature have one value for both.
enum class Evaluation { with_temperature, without_temperature };

/// Mean and variance of a gate and their derivatives with respect to its location.
struct GateMoments {
  double mean = 0;                 ///< E[z]
  double variance = 0;             ///< Var z
  double mean_derivative = 0;      ///< dE[z]/dlocation
  double variance_derivative = 0;  ///< dVar z/dlocation

  double second_moment() const { return variance + mean * mean; }  ///< E[z²]
  /// DE[z²]/dlocation.
  double second_moment_derivative() const { return variance_derivative + 2 * mean * mean_derivative; }
};

/// Options of a gate that stands alone.
template <std::floating_point Scalar>
struct GateOptions {
  Scalar temperature = Scalar(0.5);    ///< β > 0; σ of Gaussian gates
  Scalar init_sparsity = Scalar(0.5);  ///< where gates start, see `initial_location` of the distribution; in (0, 1)
  Scalar gamma = Scalar(-0.1);         ///< γ < 0; Hard Concrete only
  Scalar zeta = Scalar(1.1);           ///< ζ > 1; Hard Concrete only
  std::uint64_t stream = 0;            ///< which stream of the Rng: give gates that share an Rng different ones
};

namespace detail {

/// Locations beyond ± this are cut off before use; the handles of gates tell optimizers to keep them inside.
inline constexpr int log_alpha_limit = 20;

/// Uniform noise is cut off to [ε, 1 − ε].
inline constexpr double noise_epsilon = 1e-6;

/// u cut off to [ε, 1 − ε].
template <class Scalar>
L0_ALWAYS_INLINE Scalar cut_off_noise(Scalar u) {
  return clamp(u, Scalar(noise_epsilon), Scalar(1 - noise_epsilon));
}

template <class Scalar>
L0_ALWAYS_INLINE Scalar cut_off_location(Scalar location) {
  return clamp(location, Scalar(-log_alpha_limit), Scalar(log_alpha_limit));
}

/// Whether a location is used as it is. Derivatives with respect to others are 0.
template <class Scalar>
L0_ALWAYS_INLINE bool location_inside(Scalar location) {
  return (location >= -log_alpha_limit) & (location <= log_alpha_limit);
}

}  // namespace detail

/// What a `Gate` needs of the distribution of its values in [0, 1]: an aggregate of parameters that all gates share,
/// the temperature among them, with one learnable number per gate, its location: log α of `HardConcrete`, μ of
/// `ClippedGaussian`. docs/extending.md walks through it.
template <class D>
concept GateDistribution = requires(const D d, typename D::Scalar x, Evaluation evaluation,
                                    GateOptions<typename D::Scalar> options) {
  requires std::floating_point<typename D::Scalar>;
  { D::location_name } -> std::convertible_to<std::string_view>;
  { D::from_options(options) } -> std::same_as<D>;
  { d.temperature } -> std::convertible_to<typename D::Scalar>;
  {d.validate()};
  { d.initial_location(x) } -> std::same_as<typename D::Scalar>;
  { d.formulas().sample(x, x) } -> std::same_as<typename D::Scalar>;
  { d.formulas().sample_derivative(x, x) } -> std::same_as<typename D::Scalar>;
  { d.formulas().active_probability(x) } -> std::same_as<typename D::Scalar>;
  { d.formulas().active_probability_derivative(x, x) } -> std::same_as<typename D::Scalar>;
  { d.formulas().deterministic(x) } -> std::same_as<typename D::Scalar>;
  { d.deterministic(x, evaluation) } -> std::same_as<typename D::Scalar>;
  { d.moment_rule().evaluate(double{}) } -> std::same_as<GateMoments>;
};

}  // namespace l0
