// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// layers/: one layer per file; what is closed is skipped, exactly.
///
///     batch (samples × columns; an image is channel by channel, see ImageShape)
///       ▼ forward(x, noise)              L0Linear, L0Conv2d, L0DepthwiseConv2d, SoftTree
///       │   gate().sample(noise)         GatedWeights: W, bias, gates, and the grouping that says who shares a gate
///       │   W∘z for open inputs          closed inputs, channels and outputs take no part in the product
///       ▼
///     y, a buffer of the layer
///       ▼ backward(upstream, dx)         adds to the gradients of W, bias and log α; writes that by x
///
/// Activations, poolings and Flatten have no parameters: values that a network applies. `predict` takes deterministic
/// gates and changes nothing; `compaction.hpp` says what is known of columns when a network is made smaller.

#include <concepts>
#include <string>

#include <l0/core/parameter.hpp>
#include <l0/layers/activations.hpp>
#include <l0/layers/pooling.hpp>
#include <l0/random/noise.hpp>

namespace l0 {

/// A layer that networks are made of: L0Linear, L0Conv2d, L0DepthwiseConv2d or a type of the user's.
///
/// `forward(x, noise)` takes a samples × columns matrix, draws what there is to draw and returns a reference to a
/// matrix of the layer's own; `backward(upstream, input_gradient)` adds to the gradients of the layer's parameters and
/// writes that with respect to x; `predict(x)` is const and without noise. x stays in place from forward to backward.
///
/// Where a layer also has `parameters()`, `for_each_gated(visit)`, `set_temperature(b)`, `l0_penalty()`, `gate()`,
/// `inputs()` or `outputs()` (columns), networks use them.
template <class L>
concept Layer = std::floating_point<typename L::Scalar> &&
    requires(L layer, const L constant, const Matrix<typename L::Scalar>& x, Matrix<typename L::Scalar>& gradient,
             Rng& rng) {
  { layer.forward(x, rng) } -> std::same_as<const Matrix<typename L::Scalar>&>;
  layer.backward(x, gradient);
  { constant.predict(x) } -> std::convertible_to<Matrix<typename L::Scalar>>;
};

/// What `Sequential` takes: layers with parameters, activations, fixed operations such as pooling, and `Flatten`.
template <class P>
concept NetworkPart = Layer<P> || Activation<P> || FixedOperation<P> || std::same_as<P, Flatten>;

namespace detail {

/// The columns that a part takes or gives, −1 where it does not say.
template <class Part>
Index columns_in(const Part& part) {
  if constexpr (requires {
                  { part.inputs() } -> std::convertible_to<Index>;
                }) {
    return part.inputs();
  } else {
    return -1;
  }
}
template <class Part>
Index columns_out(const Part& part, Index columns) {
  if constexpr (requires {
                  { part.outputs() } -> std::convertible_to<Index>;
                }) {
    return part.outputs();
  } else {
    return Layer<Part> ? -1 : columns;
  }
}

/// Open gates in prediction, and all gates, of a part.
struct GateCount {
  Index open = 0;
  Index all = 0;
};
template <class Part>
GateCount count_gates(const Part& part) {
  if constexpr (requires { part.count_gates(); }) {
    return part.count_gates();
  } else if constexpr (requires { part.gate().active_count(); }) {
    return {part.gate().active_count(), part.gate().size()};
  } else {
    return {};
  }
}

}  // namespace detail
}  // namespace l0
