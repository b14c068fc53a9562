// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// layers/: one layer per file; what is closed is skipped, exactly.
///
///     batch (samples × columns; an image is channel by channel, see ImageShape)
///       ▼ forward(x, noise)              Linear, Conv2d, L0DepthwiseConv2d, SoftTree, BatchNorm, LayerNorm, Embedding
///       │   gate().sample(noise)         GatedWeights: W, bias, gates, and the grouping that says who shares a gate
///       │   W∘z for open inputs          closed inputs, channels and outputs take no part in the product
///       ▼
///     y, a buffer of the layer
///       ▼ backward(upstream, dx)         adds to the gradients of W, bias and log α; writes that by x
///
/// What a layer consists of it says once, by `visit` (core/visit.hpp). Activations, poolings, Dropout and Flatten are
/// untyped values, of which a network makes layers (plain_layers.hpp). `predict` takes deterministic gates and changes
/// nothing; how a layer is built smaller says compaction.hpp. AnyLayer holds any of them.

#include <concepts>
#include <cstdint>
#include <utility>

#include <l0/core/visit.hpp>
#include <l0/random/noise.hpp>

namespace l0 {

/// A layer that networks are made of: one of this library or a type of the user's.
///
/// `forward(x, noise)` takes a samples × columns matrix, draws what there is to draw and returns a reference to a
/// matrix of the layer's own; `backward(upstream, input_gradient)` adds to the gradients of the layer's parameters and
/// writes that with respect to x; `predict(x)` is const and without noise; `outputs(columns)` is how many columns come
/// of so many, and throws `Error` where the layer does not take them; `visit(v)` says what it consists of. x stays in
/// place from forward to backward.
///
/// A layer that takes one number of columns only may say so by `inputs()`; no other member is looked for.
template <class L>
concept Layer = Visitable<L> && std::floating_point<typename L::Scalar> &&
    requires(L layer, const L constant, const Matrix<typename L::Scalar>& x, Matrix<typename L::Scalar>& gradient,
             Rng& rng, Index columns) {
  { layer.forward(x, rng) } -> std::same_as<const Matrix<typename L::Scalar>&>;
  layer.backward(x, gradient);
  { constant.predict(x) } -> std::convertible_to<Matrix<typename L::Scalar>>;
  { constant.outputs(columns) } -> std::same_as<Index>;
};

namespace detail {

/// The columns that a layer takes, −1 where it does not say.
template <class L>
Index columns_in(const L& layer) {
  if constexpr (requires {
                  { layer.inputs() } -> std::convertible_to<Index>;
                }) {
    return layer.inputs();
  } else {
    return -1;
  }
}

/// The columns that a layer gives for so many, −1 where neither is known.
template <class L>
Index columns_out(const L& layer, Index columns) {
  const Index known = columns >= 0 ? columns : columns_in(layer);
  return known >= 0 ? layer.outputs(known) : -1;
}

/// What a layer keeps of a forward pass. Copies start without one; so do objects that were moved from.
struct LastForward {
  LastForward() = default;
  LastForward(const LastForward&) {}
  LastForward(LastForward&& other) noexcept
      : is_there(std::exchange(other.is_there, false)), rows(other.rows), columns(other.columns), draw(other.draw) {}
  LastForward& operator=(const LastForward&) {
    is_there = false;
    return *this;
  }
  ~LastForward() = default;

  void set(Index new_rows, Index new_columns) {
    is_there = true;
    rows = new_rows;
    columns = new_columns;
  }
  /// Refuses a backward before a forward and for another shape.
  template <class Upstream>
  void require(const Upstream& upstream) const {
    if (!is_there) fail("backward", "called before forward", "a call of forward first");
    require_shape("upstream", upstream.rows(), upstream.cols(), rows, columns);
  }

  bool is_there = false;
  Index rows = 0;
  Index columns = 0;
  std::uint64_t draw = 0;  ///< the sum of the numbers of all draws
};

}  // namespace detail
}  // namespace l0
