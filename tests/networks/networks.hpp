// SPDX-License-Identifier: MIT
#pragma once

#include <l0/networks/sequential.hpp>

#include "support/fixed_numbers.hpp"

namespace l0::test {

/// Sets log α so that every `period`-th gate of each layer is closed in prediction and the others are open or between,
/// and weights large enough for signals to reach the end.
template <class Network>
void spread_gates(Network& net, Index period = 3) {
  net.set_temperature(typename Network::Scalar(1.5));  // most draws lie between 0 and 1
  for_each_gated(net, [&](auto& layer) {
    auto& log_alpha = layer.log_alpha();
    const Matrix<double> numbers = fixed_numbers(log_alpha.rows(), log_alpha.cols(), 7);
    for (Index k = 0; k < log_alpha.size(); ++k) {
      log_alpha(k) = static_cast<typename Network::Scalar>(k % period == 1 ? -9 : 0.4 + numbers(k));
    }
    layer.weight() =
        (2 * fixed_numbers(layer.weight().rows(), layer.weight().cols(), 9)).template cast<typename Network::Scalar>();
    if (layer.has_bias()) {
      layer.bias() = (0.5 * fixed_numbers(layer.bias().rows(), 1, 8)).template cast<typename Network::Scalar>();
    }
  });
}

/// Convolutions, poolings, activations and linear layers on images 2 × 9 × 8.
inline auto small_convolutional_network(Rng& rng) {
  return Sequential{L0Conv2d<double>({2, 9, 8}, 4, 3, rng, {.padding = 1}),
                    Relu{},
                    MaxPool2d({4, 9, 8}, {3, 2}, {.stride = 2, .padding = {1, 0}}),
                    L0DepthwiseConv2d<double>({4, 5, 4}, 2, rng),
                    Sigmoid{},
                    L0Conv2d<double, PerInput>({4, 4, 3}, 3, 2, rng, {.stride = {2, 1}}),
                    AvgPool2d({3, 2, 2}, {2, 1}),
                    Flatten{},
                    L0Linear<double>(6, 5, rng),
                    Tanh{},
                    L0Linear<double, PerInput>(5, 3, rng)};
}

}  // namespace l0::test
