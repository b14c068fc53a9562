// SPDX-License-Identifier: MIT
#pragma once

#include <l0/networks/sequential.hpp>

namespace l0 {

/// A perceptron with one hidden layer: linear, ReLU, linear, both linear layers gated; 784 inputs, 256 neurons, 10
/// outputs:
///
///     l0::SparseMLP<float> mlp(784, 256, 10, rng);
///
/// A `Sequential` of the three, with everything that has: forward, backward, predict, parameters, prune, compact. One
/// gate per weight, or as `Grouping` says. Both layers take the same options.
template <std::floating_point Scalar_, GateGrouping Grouping = PerWeight>
class SparseMLP : public Sequential<L0Linear<Scalar_, Grouping>, Relu, L0Linear<Scalar_, Grouping>> {
  using Linear = L0Linear<Scalar_, Grouping>;

 public:
  using Options = typename Linear::Options;  ///< what can be set

  /// Throws `Error` for negative sizes and options outside their ranges.
  SparseMLP(Index inputs, Index hidden, Index outputs, Rng& rng, const Options& options = {})
      : Sequential<Linear, Relu, Linear>{Linear(inputs, hidden, rng, options), Relu{},
                                         Linear(hidden, outputs, rng, options)} {}
};

}  // namespace l0
