// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <l0/core/parameter.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/types.hpp>
#include <l0/core/visit.hpp>
#include <l0/gates/gated.hpp>
#include <l0/gates/grouping.hpp>
#include <l0/layers/initial.hpp>
#include <l0/random/noise.hpp>

namespace l0 {

/// What layers with weights share: a weight matrix, a bias, the gates if there are any, who shares a gate, and what all
/// of that is called. The layer itself says what it computes with W∘z.
///
/// Weights start as `Initial` says, the bias at 0. With `NoGates` there are none, and W∘z is W. Handles from
/// `parameters()` survive moving the layer and assigning another of the same shape to it (see `Parameter`); assigning
/// another shape throws `Error`.
template <class Gates_, GateGrouping Grouping_>
class GatedWeights : public VisitedModel<GatedWeights<Gates_, Grouping_>, typename Gates_::Scalar> {
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

  static constexpr bool has_gates = !std::same_as<Grouping, NoGates>;  ///< whether weights can close

  /// The gates.
  Gates& gate() requires has_gates { return gate_; }
  /// The gates.
  const Gates& gate() const requires has_gates { return gate_; }
  /// The learnable number of each gate.
  auto& log_alpha() requires has_gates { return gate_.log_alpha(); }
  /// The learnable number of each gate.
  const auto& log_alpha() const requires has_gates { return gate_.log_alpha(); }
  /// Its gradient.
  auto& log_alpha_gradient() requires has_gates { return gate_.log_alpha_gradient(); }
  /// Its gradient.
  const auto& log_alpha_gradient() const requires has_gates { return gate_.log_alpha_gradient(); }
  Scalar temperature() const requires has_gates { return gate_.temperature(); }  ///< β.

  /// Who shares a gate.
  const Grouping& grouping() const { return grouping_; }

  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("weight", weight_, stored_);
    if (has_bias_) v("bias", bias_);
    if constexpr (has_gates) v("", gate_);
  }

  /// Weights that are not 0 in prediction; all of them without gates.
  Index open_weights() const {
    if constexpr (!has_gates) return weight().size();
    return (effective_weight().array() != 0).count();
  }

  /// W∘z with deterministic gates: the weights that `predict` uses, with exact zeros.
  Matrix<Scalar> effective_weight() const {
    if constexpr (!has_gates) return weight();
    const auto z = gate_.deterministic();
    Matrix<Scalar> result(weight().rows(), weight().cols());
    for (Index j = 0; j < weight().cols(); ++j) grouping_.scale_column(j, z, weight().col(j), result.col(j));
    result.array() += Scalar(0);  // no −0
    return result;
  }

 protected:
  /// A weight matrix with gates as `grouping` says; draws the weights from stream `stream` of `rng`. `stored` is its
  /// shape in files, outputs first.
  template <class Options>
  GatedWeights(Index rows, Index columns, Grouping grouping, std::uint64_t stream, const Rng& rng,
               const Options& options, const StoredShape& stored)
      : shape_(rows, columns, options.bias ? rows : 0, grouping.bind(rows, columns)), has_bias_(options.bias),
        stored_(stored), grouping_(std::move(grouping)), weight_(ParameterKind::weight, "weight", rows, columns),
        bias_(ParameterKind::bias, "bias", shape_.biases(), 1), gate_(make_gates(options, stream)) {
    const Index area = stored.extents[2] == 0 ? 1 : stored.extents[2] * stored.extents[3];
    detail::fill_initial(options.initial, columns, rows * area, rng, stream, weight().data(), weight().size());
  }

  /// The gates, for what is compiled with and without.
  const Gates& gates() const { return gate_; }
  /// The gates, for what is compiled with and without.
  Gates& gates() { return gate_; }

  /// Puts weights and a bias in the place of the drawn ones.
  void set(const Matrix<Scalar>& new_weight, const Vector<Scalar>& new_bias) {
    weight() = new_weight;
    if (has_bias_) bias() = new_bias;
  }
  /// The bias, zeros where there is none.
  Vector<Scalar> bias_or_zero() const {
    return has_bias_ ? Vector<Scalar>(bias()) : Vector<Scalar>::Zero(weight().rows());
  }

  /// The shape of the weights.
  const detail::LayerShape& shape() const { return shape_; }

 private:
  template <class Options>
  Gates make_gates(const Options& options, std::uint64_t stream) const {
    if constexpr (has_gates) {
      return Gates(options.gate, shape_.gates().first, shape_.gates().second, stream, options.init_sparsity);
    } else {
      return Gates(typename Gates::Distribution{}, 0, 1);
    }
  }

  detail::LayerShape shape_;  // first: its assignment refuses another shape before anything is written
  bool has_bias_;
  StoredShape stored_;
  Grouping grouping_;
  Parameter<Matrix<Scalar>> weight_;
  Parameter<Vector<Scalar>> bias_;
  Gates gate_;
};

}  // namespace l0
