// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>

#include <utility>

/// One gate for all weights.
struct Together {
  static constexpr int gate_columns = 1;

  std::pair<l0::Index, l0::Index> bind(l0::Index, l0::Index) { return {1, 1}; }
#ifndef L0_MUST_NOT_COMPILE
  bool is_closed(l0::Index, const auto& z) const { return z(0) == 0; }
#endif
  void scale_column(l0::Index, const auto& z, const auto& weight, auto&& scaled) const { scaled = weight * z(0); }
  void backward_column(l0::Index, const auto& z, const auto& weight, const auto& scaled_gradient,
                       auto&& weight_gradient, auto& gate_gradient) const {
    weight_gradient += scaled_gradient * z(0);
    gate_gradient(0) += scaled_gradient.dot(weight);
  }
};

using Layer = l0::L0Linear<double, Together>;
