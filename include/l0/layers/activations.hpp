// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>

#include <l0/core/compiled.hpp>
#include <l0/core/math.hpp>
#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// A function applied to every number: `value(x)`, and its derivative as a function of the value, `slope(value(x))`.
/// Activations are untyped values without state; a model keeps what they need.
template <class A>
concept Activation = requires(const A activation, double x, float y) {
  { activation.value(x) } -> std::same_as<double>;
  { activation.slope(x) } -> std::same_as<double>;
  { activation.value(y) } -> std::same_as<float>;
  { activation.slope(y) } -> std::same_as<float>;
};

/// max(x, 0); derivative 0 at 0, NaN stays NaN. Also the pattern for an activation of one's own.
struct Relu {
  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return detail::select(x <= 0, Scalar(0), x);
  }
  /// Its derivative, from the value y.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar slope(Scalar y) const {
    return detail::select(y > 0, Scalar(1), Scalar(0));
  }
};

/// 1/(1 + exp(−x)); derivative y(1 − y).
struct Sigmoid {
  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return detail::fast_logistic(x);
  }
  /// Its derivative, from the value y.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar slope(Scalar y) const {
    return y * (1 - y);
  }
};

/// tanh x; derivative 1 − y².
struct Tanh {
  /// The function.
  template <std::floating_point Scalar>
  Scalar value(Scalar x) const {
    return std::tanh(x);
  }
  /// Its derivative, from the value y.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar slope(Scalar y) const {
    return 1 - y * y;
  }
};

/// Passes a batch on as it is. Batches of images are flat already, see `ImageShape`: it only marks where images end.
struct Flatten {};

namespace detail {

/// y[i] = activation of x[i], as a kernel for `dispatch`; x and y may be the same.
struct ActivateKernel {
  template <class A, class Scalar>
  L0_ALWAYS_INLINE static void run(A activation, const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = activation.value(x[i]);
  }
};

/// gradient[i] *= slope at y[i].
struct ActivationGradientKernel {
  template <class A, class Scalar>
  L0_ALWAYS_INLINE static void run(A activation, const Scalar* y, Scalar* gradient, Index size) {
    for (Index i = 0; i < size; ++i) gradient[i] *= activation.slope(y[i]);
  }
};

#define L0_COMPILED_ACTIVATION(A, Scalar)                                       \
  L0_COMPILED(void dispatch<ActivateKernel>(A, const Scalar*, Scalar*, Index)); \
  L0_COMPILED(void dispatch<ActivationGradientKernel>(A, const Scalar*, Scalar*, Index))

L0_COMPILED_ACTIVATION(Relu, float);
L0_COMPILED_ACTIVATION(Relu, double);
L0_COMPILED_ACTIVATION(Sigmoid, float);
L0_COMPILED_ACTIVATION(Sigmoid, double);
L0_COMPILED_ACTIVATION(Tanh, float);
L0_COMPILED_ACTIVATION(Tanh, double);

#undef L0_COMPILED_ACTIVATION

}  // namespace detail
}  // namespace l0
