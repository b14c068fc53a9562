// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// An objective in the convention of LBFGS++: `f(w, gradient)` returns the value and writes the gradient; with a third
/// argument, the number of the step, for objectives that change from step to step, as with minibatches.
template <class F, class Scalar>
concept SteppedObjective = requires(F& f, const Vector<Scalar>& w, Vector<Scalar>& gradient, Index step) {
  { f(w, gradient, step) } -> std::convertible_to<Scalar>;
};
/// An objective of either form: with the number of the step or without.
template <class F, class Scalar>
concept Objective = SteppedObjective<F, Scalar> || requires(F& f, const Vector<Scalar>& w, Vector<Scalar>& gradient) {
  { f(w, gradient) } -> std::convertible_to<Scalar>;
};

namespace detail {

/// Whether f has one signature, so that it can be asked with other arguments without compiling a template's body.
template <class F>
concept OneSignature = std::is_pointer_v<F> || std::is_function_v<F> || requires {
  &F::operator();
};

/// Whether F, called with these arguments, loses what it writes to the one that is given as a value: it takes a copy or
/// a const reference then, as else it could not be called. What the template of a call operator does is seen when it
/// runs (`ObjectiveCall`).
template <class F, class... Arguments>
concept LosesWhatItWrites = OneSignature<F> && std::is_invocable_v<F&, Arguments...>;

/// Stops the compiler with one sentence unless f is an objective; true where it is one.
template <class F, class Scalar>
consteval bool require_objective() {
  using V = Vector<Scalar>;
  constexpr bool is_objective = Objective<F, Scalar>;
  static_assert(is_objective,
                "l0: an objective is a function f(w, gradient), or f(w, gradient, step), that takes two vectors of the "
                "scalar type of w0, writes the second and returns a number; see l0::Objective");
  constexpr bool by_reference = !LosesWhatItWrites<F, const V&, V> && !LosesWhatItWrites<F, const V&, V, Index>;
  static_assert(by_reference,
                "l0: the objective takes its gradient by value or const, and what it writes is lost; take it by "
                "reference, as in f(const Eigen::VectorXd& w, Eigen::VectorXd& gradient)");
  return is_objective && by_reference;
}

/// A NaN that no computation gives by itself: its payload tells it from those of f.
template <class Scalar>
struct Unwritten {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Bits bits = sizeof(Scalar) == 4 ? Bits{0x7FC06C30} : static_cast<Bits>(0x7FF800000006C300U);
  static Scalar value() { return std::bit_cast<Scalar>(bits); }
  static bool is(Scalar x) { return std::bit_cast<Bits>(x) == bits; }
};

/// Calls of an objective. The first one shows whether f writes the gradient.
template <class Scalar, class F>
class ObjectiveCall {
 public:
  explicit ObjectiveCall(F& f) : f_(f) {}

  /// The value at w; writes the gradient. Throws `Error` for a gradient of another size, and where f leaves entries of
  /// it as they were, or only adds to them (a sum with a NaN keeps its payload).
  Scalar operator()(const Vector<Scalar>& w, Vector<Scalar>& gradient, Index step) {
    if (!is_checked_) gradient.setConstant(w.size(), Unwritten<Scalar>::value());
    const Scalar value = call(w, gradient, step);
    require_shape("gradient", gradient.rows(), 1, w.size(), 1);
    for (Index j = 0; !is_checked_ && j < gradient.size(); ++j) {
      if (Unwritten<Scalar>::is(gradient(j))) {
        fail("gradient(" + to_text(j) + ")", "not written by the objective", "f to set every entry of the gradient");
      }
    }
    is_checked_ = true;
    return value;
  }

 private:
  Scalar call(const Vector<Scalar>& w, Vector<Scalar>& gradient, Index step) {
    if constexpr (SteppedObjective<F, Scalar>) {
      return f_(w, gradient, step);
    } else {
      static_cast<void>(step);
      return f_(w, gradient);
    }
  }

  F& f_;
  bool is_checked_ = false;
};

}  // namespace detail
}  // namespace l0
