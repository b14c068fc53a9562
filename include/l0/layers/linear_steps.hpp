// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <l0/core/compiled.hpp>
#include <l0/layers/linear.hpp>

/// \file
/// The steps of `L0Linear`, templates outside of the class, so that `l0::compiled` has them.

namespace l0 {

template <std::floating_point Scalar, GateGrouping Grouping, GateDistribution Distribution>
void L0Linear<Scalar, Grouping, Distribution>::forward_batch() {
  select_open_inputs();
  if (!gates_per_sample_) scale_weights();
  batch_.visit([&](const auto& x) { multiply_forward(x); });
  if (has_bias()) output_.rowwise() += bias().transpose();
}

template <std::floating_point Scalar, GateGrouping Grouping, GateDistribution Distribution>
void L0Linear<Scalar, Grouping, Distribution>::backward_batch(const UpstreamRef& upstream,
                                                              Matrix<Scalar>* input_gradient) {
  if (batch_.empty()) detail::fail("backward", "called before forward", "a call of forward first");
  if constexpr (has_gates) detail::require_same_draw(gate().sample_number(), draw_, "forward");
  detail::require_shape("upstream", upstream.rows(), upstream.cols(), output_.rows(), outputs());
  if (input_gradient != nullptr) detail::require_apart(*input_gradient, upstream, batch_);
  if (has_bias()) bias_gradient() += upstream.colwise().sum().transpose();
  if (input_gradient != nullptr && !gates_per_sample_) {
    if (!is_scaled_) scale_weights();
    write_input_gradient(upstream, *input_gradient);
  }
  batch_.visit([&](const auto& x) { multiply_backward(x, upstream); });
  const auto gradient = std::as_const(scaled_).get();
  if (gates_per_sample_ || !has_gates) {
    weight_gradient() += gradient;
    if constexpr (per_sample_possible) {
      if (gates_per_sample_) backward_per_sample(upstream, input_gradient);
    }
    return;
  }
  if constexpr (std::is_same_v<Grouping, PerWeight>) {
    if (!skipping_) {
      gate().backward_product(gradient, std::as_const(*this).weight(), weight_gradient());
      return;
    }
  }
  if constexpr (has_gates) backward_columns(gradient);
}

template <std::floating_point Scalar, GateGrouping Grouping, GateDistribution Distribution>
template <class Gradient>
void L0Linear<Scalar, Grouping, Distribution>::backward_columns(const Gradient& gradient) {
  gate_gradient_.setZero(gate().rows(), gate().columns());
  for (Index c = 0; c < open_count(); ++c) {
    this->grouping().backward_column(open(c), gate().values(), std::as_const(*this).weight().col(open(c)),
                                     gradient.col(c), weight_gradient().col(open(c)), gate_gradient_);
  }
  gate().backward(gate_gradient_);
}

#define L0_COMPILED_LINEAR(...)                             \
  L0_COMPILED(void L0Linear<__VA_ARGS__>::forward_batch()); \
  L0_COMPILED(void L0Linear<__VA_ARGS__>::backward_batch(const UpstreamRef&, Matrix<Scalar>*))

L0_COMPILED_LINEAR(float, PerWeight);
L0_COMPILED_LINEAR(float, PerInput);
L0_COMPILED_LINEAR(float, NoGates);
L0_COMPILED_LINEAR(double, PerWeight);
L0_COMPILED_LINEAR(double, PerInput);
L0_COMPILED_LINEAR(double, NoGates);

#undef L0_COMPILED_LINEAR

}  // namespace l0
