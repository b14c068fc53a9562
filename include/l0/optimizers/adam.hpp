// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <l0/core/compiled.hpp>
#include <l0/core/math.hpp>
#include <l0/optimizers/optimizer.hpp>

namespace l0 {

/// Options of `Adam`.
template <std::floating_point Scalar>
struct AdamOptions {
  Scalar learning_rate = Scalar(1e-3);  ///< η > 0
  Scalar beta1 = Scalar(0.9);           ///< β₁ in [0, 1)
  Scalar beta2 = Scalar(0.999);         ///< β₂ in [0, 1)
  Scalar epsilon = Scalar(1e-8);        ///< ε > 0
  Scalar weight_decay = 0;              ///< δ ≥ 0, decoupled as in AdamW: w ← w − ηδw; never for gates
  Scalar gate_learning_rate = 0;        ///< η of gate parameters, which usually want a larger one; 0: learning_rate
  LearningRateSchedule<Scalar> schedule{};  ///< factor on η per step

  /// Throws `Error` for values out of range.
  void validate() const {
    detail::require_positive("learning_rate", learning_rate);
    detail::require(beta1 >= 0 && beta1 < 1, "beta1", beta1, "a number in [0, 1)");
    detail::require(beta2 >= 0 && beta2 < 1, "beta2", beta2, "a number in [0, 1)");
    detail::require_positive("epsilon", epsilon);
    detail::require_non_negative("weight_decay", weight_decay);
    detail::require_non_negative("gate_learning_rate", gate_learning_rate);
  }
};

/// Adam, with decoupled weight decay (AdamW) where that is not 0. At step t, with gradient g:
///
///     m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  w ← w − ηδw − η m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε).
///
/// Source: Kingma & Ba, ICLR 2015, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101.
template <std::floating_point Scalar_>
struct AdamRule {
  using Scalar = Scalar_;                   ///< float or double
  using Options = AdamOptions<Scalar>;      ///< what can be set
  static constexpr Index state_arrays = 2;  ///< numbers kept per parameter

  /// One step of `size` parameters.
  static void update(const Options& options, const UpdateStep<Scalar>& step, Scalar* value, const Scalar* gradient,
                     Scalar* state, Index size) {
    const auto t = static_cast<double>(step.number);
    const double correction1 = 1 - std::pow(static_cast<double>(options.beta1), t);
    const double correction2 = 1 - std::pow(static_cast<double>(options.beta2), t);
    // ε moves inside with the correction of v, so that the loop needs one division.
    const auto rate = static_cast<Scalar>(static_cast<double>(step.rate) * std::sqrt(correction2) / correction1);
    const auto epsilon = static_cast<Scalar>(static_cast<double>(options.epsilon) * std::sqrt(correction2));
    detail::dispatch<AdamRule>(rate, options.beta1, options.beta2, epsilon, step.rate * step.weight_decay, step.bound,
                               value, gradient, state, state + size, size);
  }

  /// The loop of `update`.
  L0_ALWAYS_INLINE static void run(Scalar rate, Scalar beta1, Scalar beta2, Scalar epsilon, Scalar decay, Scalar bound,
                                   Scalar* __restrict value, const Scalar* __restrict gradient,
                                   Scalar* __restrict first, Scalar* __restrict second, Index size) {
    for (Index i = 0; i < size; ++i) {
      const Scalar g = gradient[i];
      const Scalar m = beta1 * first[i] + (1 - beta1) * g;
      const Scalar v = beta2 * second[i] + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      const Scalar changed = value[i] - decay * value[i] - rate * m / (detail::fast_sqrt(v) + epsilon);
      value[i] = detail::clamp(changed, -bound, bound);
    }
  }
};

/// `Adam<float> optimizer(model.parameters(), {.learning_rate = 0.01f});`
template <std::floating_point Scalar>
using Adam = GradientOptimizer<AdamRule<Scalar>>;

namespace detail {

#define L0_COMPILED_ADAM(Scalar)                                                                                      \
  L0_COMPILED(void dispatch<AdamRule<Scalar>>(Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar*, const Scalar*, \
                                              Scalar*, Scalar*, Index))

L0_COMPILED_ADAM(float);
L0_COMPILED_ADAM(double);

#undef L0_COMPILED_ADAM

}  // namespace detail
}  // namespace l0
