// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>
#include <string_view>

#include <l0/core/compiled.hpp>
#include <l0/core/math.hpp>
#include <l0/core/normal.hpp>
#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// A function applied to every number: y = `value(x)`, and its derivative `derivative(x, y)`, which may use either.
/// Activations are untyped values without state; a network keeps what they need.
template <class A>
concept Activation = requires(const A activation, double x, float y) {
  { activation.value(x) } -> std::same_as<double>;
  { activation.derivative(x, x) } -> std::same_as<double>;
  { activation.value(y) } -> std::same_as<float>;
  { activation.derivative(y, y) } -> std::same_as<float>;
};

/// max(x, 0); derivative 0 at 0, NaN stays NaN. Also the pattern for an activation of one's own.
struct Relu {
  static constexpr std::string_view type_name = "Relu";  ///< the name in stored networks and reports

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return detail::select(x <= 0, Scalar(0), x);
  }
  /// Its derivative.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar /*x*/, Scalar y) const {
    return detail::select(y > 0, Scalar(1), Scalar(0));
  }
};

/// 1/(1 + exp(−x)); derivative y(1 − y).
struct Sigmoid {
  static constexpr std::string_view type_name = "Sigmoid";  ///< the name in stored networks and reports

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return detail::fast_logistic(x);
  }
  /// Its derivative.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar /*x*/, Scalar y) const {
    return y * (1 - y);
  }
};

/// tanh x; derivative 1 − y².
struct Tanh {
  static constexpr std::string_view type_name = "Tanh";  ///< the name in stored networks and reports

  /// The function.
  template <std::floating_point Scalar>
  Scalar value(Scalar x) const {
    return std::tanh(x);
  }
  /// Its derivative.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar /*x*/, Scalar y) const {
    return 1 - y * y;
  }
};

/// x above 0, `slope` · x below; derivative `slope` at 0. Maas, Hannun & Ng, ICML 2013.
struct LeakyRelu {
  static constexpr std::string_view type_name = "LeakyRelu";  ///< the name in stored networks and reports

  double slope = 0.01;  ///< of the part below 0

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return detail::select(x > 0, x, static_cast<Scalar>(slope) * x);
  }
  /// Its derivative.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar x, Scalar /*y*/) const {
    return detail::select(x > 0, Scalar(1), static_cast<Scalar>(slope));
  }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) { v("slope", slope); }
};

/// x above 0, α(eˣ − 1) below. Clevert, Unterthiner & Hochreiter, ICLR 2016, arXiv:1511.07289, eq. 16.
struct Elu {
  static constexpr std::string_view type_name = "Elu";  ///< the name in stored networks and reports

  double alpha = 1;  ///< −α is the least value

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    const Scalar below = detail::select(x > 0, Scalar(0), x);
    // eˣ − 1 by its series where the difference would lose digits.
    const Scalar near = below * (1 + below / 2 * (1 + below / 3 * (1 + below / 4 * (1 + below / 5))));
    const Scalar rise = detail::select(below > Scalar(-3e-3), near, detail::fast_exp(below) - 1);
    return detail::select(x > 0, x, static_cast<Scalar>(alpha) * rise);
  }
  /// Its derivative.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar x, Scalar y) const {
    return detail::select(x > 0, Scalar(1), y + static_cast<Scalar>(alpha));
  }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) { v("alpha", alpha); }
};

/// x Φ(x), with the distribution function of the standard normal. Hendrycks & Gimpel, arXiv:1606.08415.
struct Gelu {
  static constexpr std::string_view type_name = "Gelu";  ///< the name in stored networks and reports

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return x * detail::fast_normal_cdf(detail::within_normal_limit(x));
  }
  /// Its derivative, Φ(x) + x φ(x).
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar x, Scalar /*y*/) const {
    const Scalar inside = detail::within_normal_limit(x);
    constexpr auto density = static_cast<Scalar>(0.398942280401432677939946);  // 1/√2π
    return detail::fast_normal_cdf(inside) + inside * density * detail::fast_bell(inside);
  }
};

/// x/(1 + exp(−x)), also called swish. Elfwing, Uchibe & Doya, Neural Networks 107, 2018, eq. 4.
struct Silu {
  static constexpr std::string_view type_name = "Silu";  ///< the name in stored networks and reports

  /// The function.
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar value(Scalar x) const {
    return x * detail::fast_logistic(x);
  }
  /// Its derivative, σ(x) (1 + x (1 − σ(x))).
  template <std::floating_point Scalar>
  L0_ALWAYS_INLINE Scalar derivative(Scalar x, Scalar y) const {
    const Scalar s = detail::fast_logistic(x);
    return s + y * (1 - s);
  }
};

/// Passes a batch on as it is. Batches of images are flat already, see `ImageShape`: it only marks where images end.
struct Flatten {
  static constexpr std::string_view type_name = "Flatten";  ///< the name in stored networks and reports
};

namespace detail {

/// y[i] = activation of x[i], as a kernel for `dispatch`; x and y may be the same.
struct ActivateKernel {
  template <class A, class Scalar>
  L0_ALWAYS_INLINE static void run(A activation, const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = activation.value(x[i]);
  }
};

/// gradient[i] = upstream[i] · derivative at x[i], y[i]; the first two may be the same.
struct ActivationGradientKernel {
  template <class A, class Scalar>
  L0_ALWAYS_INLINE static void run(A activation, const Scalar* x, const Scalar* y, const Scalar* upstream,
                                   Scalar* gradient, Index size) {
    for (Index i = 0; i < size; ++i) gradient[i] = upstream[i] * activation.derivative(x[i], y[i]);
  }
};

#define L0_COMPILED_ACTIVATION(A, Scalar)                                       \
  L0_COMPILED(void dispatch<ActivateKernel>(A, const Scalar*, Scalar*, Index)); \
  L0_COMPILED(void dispatch<ActivationGradientKernel>(A, const Scalar*, const Scalar*, const Scalar*, Scalar*, Index))

L0_COMPILED_ACTIVATION(Relu, float);
L0_COMPILED_ACTIVATION(Relu, double);
L0_COMPILED_ACTIVATION(Sigmoid, float);
L0_COMPILED_ACTIVATION(Sigmoid, double);
L0_COMPILED_ACTIVATION(Tanh, float);
L0_COMPILED_ACTIVATION(Tanh, double);

#undef L0_COMPILED_ACTIVATION

}  // namespace detail
}  // namespace l0
