// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// How the gates of a layer are shared by its weights, an outputs × inputs matrix.
///
/// A grouping is a small struct: `bind(outputs, inputs)`, called once by the layer that owns it, checks the fit and
/// returns the shape of the gate array (a vector where `gate_columns` is 1), and two functions work on one column j of
/// the weights, the weights of input j: `scale_column` writes w∘z, `backward_column` adds to the gradients of w and z,
/// given that of w∘z. Where `is_closed(j, z)` is true all weights of input j are closed, and the layer skips it.
template <class G, class Numbers = Matrix<detail::Dependent<double, G>>>
concept GateGrouping = requires(G unbound, const G grouping, Index size, const Numbers& z, Numbers& dz,
                                typename Numbers::ConstColXpr in, typename Numbers::ColXpr out) {
  { G::gate_columns } -> std::convertible_to<int>;
  { unbound.bind(size, size) } -> std::same_as<std::pair<Index, Index>>;
  { grouping.is_closed(size, z) } -> std::same_as<bool>;
  grouping.scale_column(size, z, in, out);
  grouping.backward_column(size, z, in, in, out, dz);
};

/// No gates: what makes `Linear` of `L0Linear` and `Conv2d` of `L0Conv2d`.
struct NoGates {
  static constexpr int gate_columns = 1;  ///< columns of the array of gates

  /// An array without gates.
  std::pair<Index, Index> bind(Index /*outputs*/, Index /*inputs*/) { return {0, 1}; }

  /// No input is closed.
  template <class Gates>
  bool is_closed(Index /*j*/, const Gates& /*z*/) const {
    return false;
  }

  /// scaled = column j of W.
  template <class Gates, class In, class Out>
  void scale_column(Index /*j*/, const Gates& /*z*/, const In& weight, Out&& scaled) const {
    scaled = weight;
  }
  /// Adds what the gradient of column j of W means for W.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index /*j*/, const Gates& /*z*/, const In& /*weight*/, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& /*gate_gradient*/) const {
    weight_gradient += scaled_gradient;
  }
};

/// One gate per weight.
struct PerWeight {
  static constexpr int gate_columns = Eigen::Dynamic;  ///< columns of the array of gates

  /// Rows and columns of the gates of a layer. Throws `Error` if the grouping does not fit it.
  std::pair<Index, Index> bind(Index outputs, Index inputs) { return {outputs, inputs}; }

  /// Looked for where it is likely and cheap to find: in layers with few outputs, such as a regression.
  template <class Gates>
  bool is_closed(Index j, const Gates& z) const {
    return z.rows() <= 4 && (z.col(j).array() == 0).all();
  }

  /// scaled = column j of W∘z.
  template <class Gates, class In, class Out>
  void scale_column(Index j, const Gates& z, const In& weight, Out&& scaled) const {
    scaled = weight.cwiseProduct(z.col(j));
  }
  /// Adds what the gradient of column j of W∘z means for W and for the gates.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index j, const Gates& z, const In& weight, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& gate_gradient) const {
    weight_gradient += scaled_gradient.cwiseProduct(z.col(j));
    gate_gradient.col(j) += scaled_gradient.cwiseProduct(weight);
  }
};

/// One gate per column of the weights: per feature, or per neuron of the layer before.
struct PerInput {
  static constexpr int gate_columns = 1;  ///< columns of the array of gates

  /// Rows and columns of the gates of a layer. Throws `Error` if the grouping does not fit it.
  std::pair<Index, Index> bind(Index /*outputs*/, Index inputs) { return {inputs, 1}; }

  /// Whether every gate of input j is 0.
  template <class Gates>
  bool is_closed(Index j, const Gates& z) const {
    return z(j) == 0;
  }

  /// scaled = column j of W∘z.
  template <class Gates, class In, class Out>
  void scale_column(Index j, const Gates& z, const In& weight, Out&& scaled) const {
    scaled = weight * z(j);
  }
  /// Adds what the gradient of column j of W∘z means for W and for the gates.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index j, const Gates& z, const In& weight, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& gate_gradient) const {
    weight_gradient += scaled_gradient * z(j);
    gate_gradient(j) += scaled_gradient.dot(weight);
  }
};

/// One gate per row of the weights: per output neuron. The bias is not gated.
struct PerOutput {
  static constexpr int gate_columns = 1;  ///< columns of the array of gates

  /// Rows and columns of the gates of a layer. Throws `Error` if the grouping does not fit it.
  std::pair<Index, Index> bind(Index outputs, Index /*inputs*/) { return {outputs, 1}; }

  /// All weights of output o are closed: convolutions skip it.
  template <class Gates>
  bool is_output_closed(Index o, const Gates& z) const {
    return z(o) == 0;
  }

  /// Whether every gate of input j is 0.
  template <class Gates>
  bool is_closed(Index /*j*/, const Gates& /*z*/) const {
    return false;
  }

  /// scaled = column j of W∘z.
  template <class Gates, class In, class Out>
  void scale_column(Index /*j*/, const Gates& z, const In& weight, Out&& scaled) const {
    scaled = weight.cwiseProduct(z);
  }
  /// Adds what the gradient of column j of W∘z means for W and for the gates.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index /*j*/, const Gates& z, const In& weight, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& gate_gradient) const {
    weight_gradient += scaled_gradient.cwiseProduct(z);
    gate_gradient += scaled_gradient.cwiseProduct(weight);
  }
};

/// Gates for groups of the user's own, e.g. the dummies of one factor: `index` holds the group (0, 1, ...) of each
/// input, or of each weight (outputs · inputs entries, row by row). There are as many gates as the largest index + 1,
/// or `count`, which every index must then be below.
class Groups {
 public:
  static constexpr int gate_columns = 1;  ///< columns of the array of gates

  /// Input j belongs to group index[j]; `count` groups, by default the largest index + 1.
  explicit Groups(std::vector<Index> index, Index count = -1) : index_(std::move(index)), count_(count) {
    if (count_ < 0) {
      count_ = 0;
      for (const Index group : index_) count_ = std::max(count_, group + 1);
    }
    for (std::size_t i = 0; i < index_.size(); ++i) {
      if (index_[i] < 0 || index_[i] >= count_) {
        detail::fail("group index[" + detail::to_text(i) + "]", detail::to_text(index_[i]),
                     "a group in [0, " + detail::to_text(count_) + ")");
      }
    }
  }

  /// The group of each input.
  const std::vector<Index>& index() const { return index_; }
  /// How many groups there are.
  Index count() const { return count_; }

  /// Rows and columns of the gates of a layer. Throws `Error` if the grouping does not fit it.
  std::pair<Index, Index> bind(Index outputs, Index inputs) {
    const auto size = static_cast<Index>(index_.size());
    if (size != inputs && size != outputs * inputs) {
      detail::fail("group index", "of size " + detail::to_text(size),
                   detail::to_text(inputs) + " entries (one per input) or " + detail::to_text(outputs * inputs) +
                       " (one per weight)");
    }
    row_step_ = size == inputs ? 0 : inputs;
    return {count_, 1};
  }

  /// Whether every gate of input j is 0.
  template <class Gates>
  bool is_closed(Index j, const Gates& z) const {
    return row_step_ == 0 && z(group(0, j)) == 0;
  }

  /// scaled = column j of W∘z.
  template <class Gates, class In, class Out>
  void scale_column(Index j, const Gates& z, const In& weight, Out&& scaled) const {
    for (Index i = 0; i < weight.size(); ++i) scaled(i) = weight(i) * z(group(i, j));
  }
  /// Adds what the gradient of column j of W∘z means for W and for the gates.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index j, const Gates& z, const In& weight, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& gate_gradient) const {
    for (Index i = 0; i < weight.size(); ++i) {
      weight_gradient(i) += scaled_gradient(i) * z(group(i, j));
      gate_gradient(group(i, j)) += scaled_gradient(i) * weight(i);
    }
  }

 private:
  Index group(Index i, Index j) const { return index_[static_cast<std::size_t>(i * row_step_ + j)]; }

  std::vector<Index> index_;
  Index count_;
  Index row_step_ = 0;
};

}  // namespace l0
