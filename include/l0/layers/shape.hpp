// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <l0/core/parameter.hpp>

namespace l0::detail {

/// The shapes of all parameters of a gated layer, as its first member: see `ShapeGuard`.
class LayerShape {
 public:
  LayerShape(Index outputs, Index inputs, Index biases, std::pair<Index, Index> gates)
      : weight_(outputs, inputs), biases_(biases), gates_(gates) {}
  LayerShape(const LayerShape&) = default;
  LayerShape(LayerShape&&) noexcept = default;
  ~LayerShape() = default;

  LayerShape& operator=(const LayerShape& other) {
    take_rest(other);
    weight_ = other.weight_;
    return *this;
  }
  LayerShape& operator=(LayerShape&& other) {  // NOLINT(performance-noexcept-move-constructor): throws by contract
    take_rest(other);
    weight_ = std::move(other.weight_);
    return *this;
  }

  Index outputs() const { return weight_.rows(); }
  Index inputs() const { return weight_.columns(); }
  Index biases() const { return biases_; }
  const std::pair<Index, Index>& gates() const { return gates_; }

 private:
  void take_rest(const LayerShape& other) {
    if (inputs() >= 0 && other.inputs() >= 0) {  // neither has been moved from
      require_shape("the assigned model", other.outputs(), other.inputs(), outputs(), inputs());
      require_shape("the bias of the assigned model", other.biases_, 1, biases_, 1);
      require_shape("the gate array of the assigned model", other.gates_.first, other.gates_.second, gates_.first,
                    gates_.second);
    }
    biases_ = other.biases_;
    gates_ = other.gates_;
  }

  ShapeGuard weight_;
  Index biases_;
  std::pair<Index, Index> gates_;
};

}  // namespace l0::detail
