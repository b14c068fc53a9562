// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/math.hpp>
#include <l0/optimizers/optimizer.hpp>

namespace l0 {

/// Options of `SGD`.
template <std::floating_point Scalar>
struct SGDOptions {
  Scalar learning_rate = Scalar(0.01);      ///< η > 0
  Scalar momentum = 0;                      ///< μ in [0, 1)
  bool nesterov = false;                    ///< look ahead along the momentum
  Scalar weight_decay = 0;                  ///< δ ≥ 0, added to the gradient as δw; never for gates
  Scalar gate_learning_rate = 0;            ///< η of gate parameters; 0: learning_rate
  LearningRateSchedule<Scalar> schedule{};  ///< factor on η per step

  /// Throws `Error` for values out of range.
  void validate() const {
    detail::require_positive("learning_rate", learning_rate);
    detail::require(momentum >= 0 && momentum < 1, "momentum", momentum, "a number in [0, 1)");
    detail::require(!nesterov || momentum > 0, "nesterov", nesterov, "false, or a momentum > 0");
    detail::require_non_negative("weight_decay", weight_decay);
    detail::require_non_negative("gate_learning_rate", gate_learning_rate);
  }
};

/// Stochastic gradient descent with momentum, for g' = g + δw:
///
///     v ← μv + g',  w ← w − η (g' + μv if nesterov, else v).
///
/// Source: Sutskever, Martens, Dahl & Hinton, ICML 2013, in the form PyTorch and others use.
template <std::floating_point Scalar_>
struct SgdRule {
  using Scalar = Scalar_;                   ///< float or double
  using Options = SGDOptions<Scalar>;       ///< what can be set
  static constexpr Index state_arrays = 1;  ///< numbers kept per parameter

  /// One step of `size` parameters.
  static void update(const Options& options, const UpdateStep<Scalar>& step, Scalar* value, const Scalar* gradient,
                     Scalar* velocity, Index size) {
    detail::dispatch<SgdRule>(step.rate, options.momentum, options.nesterov, step.weight_decay, step.bound, value,
                              gradient, velocity, size);
  }

  /// The loop of `update`.
  L0_ALWAYS_INLINE static void run(Scalar rate, Scalar momentum, bool nesterov, Scalar decay, Scalar bound,
                                   Scalar* __restrict value, const Scalar* __restrict gradient,
                                   Scalar* __restrict velocity, Index size) {
    for (Index i = 0; i < size; ++i) {
      const Scalar g = gradient[i] + decay * value[i];
      const Scalar v = momentum * velocity[i] + g;
      velocity[i] = v;
      value[i] = detail::clamp(value[i] - rate * (nesterov ? g + momentum * v : v), -bound, bound);
    }
  }
};

/// `SGD<float> optimizer(model.parameters(), {.learning_rate = 0.1f, .momentum = 0.9f});`
template <std::floating_point Scalar>
using SGD = GradientOptimizer<SgdRule<Scalar>>;

}  // namespace l0
