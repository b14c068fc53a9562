// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include <l0/core/parameter.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate.hpp>
#include <l0/gates/grouping.hpp>
#include <l0/random/noise.hpp>

namespace l0 {

/// What layers with gated weights share: a weight matrix, a bias, the gates, who shares a gate, and how optimizers and
/// penalties find them. The layer itself says what it computes with W∘z.
///
/// Weights start uniform in ±1/√columns, the bias at 0. Handles from `parameters()` survive moving the layer and
/// assigning another of the same shape to it (see `Parameter`); assigning another shape throws `Error`.
template <class Gates_, GateGrouping Grouping_>
class GatedWeights {
 public:
  using Gates = Gates_;                   ///< the array of gates
  using Grouping = Grouping_;             ///< who shares a gate
  using Scalar = typename Gates::Scalar;  ///< float or double

  /// The weights before gates.
  auto& weight() { return weight_.value(); }
  /// The weights before gates.
  const auto& weight() const { return weight_.value(); }
  /// Their gradient.
  auto& weight_gradient() { return weight_.gradient(); }
  /// Their gradient.
  const auto& weight_gradient() const { return weight_.gradient(); }

  /// Whether there is a bias.
  bool has_bias() const { return has_bias_; }
  /// The bias, a number per row of the weights; of size 0 without one.
  auto& bias() { return bias_.value(); }
  /// The bias, a number per row of the weights; of size 0 without one.
  const auto& bias() const { return bias_.value(); }
  /// Its gradient.
  auto& bias_gradient() { return bias_.gradient(); }
  /// Its gradient.
  const auto& bias_gradient() const { return bias_.gradient(); }

  /// The gates.
  Gates& gate() { return gate_; }
  /// The gates.
  const Gates& gate() const { return gate_; }
  /// The learnable number of each gate.
  auto& log_alpha() { return gate_.log_alpha(); }
  /// The learnable number of each gate.
  const auto& log_alpha() const { return gate_.log_alpha(); }
  /// Its gradient.
  auto& log_alpha_gradient() { return gate_.log_alpha_gradient(); }
  /// Its gradient.
  const auto& log_alpha_gradient() const { return gate_.log_alpha_gradient(); }

  /// Who shares a gate.
  const Grouping& grouping() const { return grouping_; }

  /// W∘z with deterministic gates: the weights that `predict` uses, with exact zeros.
  Matrix<Scalar> effective_weight() const {
    const auto z = gate().deterministic();
    Matrix<Scalar> result(weight().rows(), weight().cols());
    for (Index j = 0; j < weight().cols(); ++j) grouping_.scale_column(j, z, weight().col(j), result.col(j));
    result.array() += Scalar(0);  // no −0
    return result;
  }

  /// β of all gates from the next `forward` on. Throws `Error` unless > 0.
  void set_temperature(Scalar temperature) { gate_.set_temperature(temperature); }
  Scalar temperature() const { return gate_.temperature(); }  ///< β.

  /// Handles for an optimizer; what they survive: see `Parameter`.
  Parameters<Scalar> parameters() {
    Parameters<Scalar> list{weight_.ref()};
    if (has_bias_) list.push_back(bias_.ref());
    return join(std::move(list), gate_.parameters());
  }

  /// The expected number of open gates.
  Scalar l0_penalty() const { return gate_.expected_l0(); }
  /// The same, under the name that l0-python uses.
  Scalar get_l0_penalty() const { return l0_penalty(); }
  /// The share of gates that are exactly 0 in prediction.
  Scalar sparsity() const { return gate_.sparsity(); }

 protected:
  /// rows × columns weights with gates as `grouping` says; draws the weights from stream `stream` of `rng`.
  template <class Options>
  GatedWeights(Index rows, Index columns, Grouping grouping, std::uint64_t stream, const Rng& rng,
               const Options& options)
      : shape_(rows, columns, options.bias ? rows : 0, grouping.bind(rows, columns)), has_bias_(options.bias),
        grouping_(std::move(grouping)), weight_(ParameterKind::weight, "weight", rows, columns),
        bias_(ParameterKind::bias, "bias", shape_.biases(), 1), gate_(shape_.gates().first, shape_.gates().second,
                                                                      {.temperature = options.temperature,
                                                                       .init_sparsity = options.init_sparsity,
                                                                       .gamma = options.gamma,
                                                                       .zeta = options.zeta,
                                                                       .stream = stream}) {
    detail::fill_uniform(rng, stream, detail::initial_draw, weight().data(), weight().size());
    const Scalar bound = 1 / std::sqrt(static_cast<Scalar>(std::max<Index>(columns, 1)));
    weight().array() = (2 * weight().array() - 1) * bound;
  }

  /// The shape of the weights.
  const detail::LayerShape& shape() const { return shape_; }

 private:
  detail::LayerShape shape_;  // first: its assignment refuses another shape before anything is written
  bool has_bias_;
  Grouping grouping_;
  Parameter<Matrix<Scalar>> weight_;
  Parameter<Vector<Scalar>> bias_;
  Gates gate_;
};

}  // namespace l0
