// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <l0/layers/layer.hpp>
#include <l0/penalties/cost.hpp>

namespace l0 {

/// How sparse one gated layer is in prediction.
struct LayerSparsity {
  std::string name;        ///< position in the network and type: "2 L0Linear"
  Index gates = 0;         ///< all gates
  Index open_gates = 0;    ///< gates that are not 0
  double expected_l0 = 0;  ///< Σ P(z≠0) over the gates
  Index weights = 0;       ///< all weights, without the bias
  Index open_weights = 0;  ///< weights that are not 0 once multiplied with their gates
  Index flops = 0;         ///< of one prediction: two per open weight and output pixel
};

namespace detail {

template <class Part>
void append_sparsity(std::vector<LayerSparsity>& list, const Part& part, const std::string& place) {
  if constexpr (requires { part.for_each_part([](std::size_t, const auto&) {}); }) {
    part.for_each_part([&](std::size_t i, const auto& inner) {
      append_sparsity(list, inner, place.empty() ? to_text(i) : place + "." + to_text(i));
    });
  } else if constexpr (GatedLayer<Part> && requires { part.effective_weight(); }) {
    Dependent<LayerSparsity, Part> layer;
    layer.name = place;
    if constexpr (requires { Part::type_name; })
      layer.name += (place.empty() ? "" : " ") + std::string(Part::type_name);
    layer.gates = part.gate().size();
    layer.open_gates = part.gate().active_count();
    layer.expected_l0 = static_cast<double>(part.gate().expected_l0());
    layer.weights = part.weight().size();
    layer.open_weights = (part.effective_weight().array() != 0).count();
    layer.flops = layer.open_weights * flops_per_weight(part);
    list.push_back(std::move(layer));
  }
}

}  // namespace detail

/// The gated layers of a network, in order.
template <class Model>
std::vector<LayerSparsity> sparsity_report(const Model& model) {
  std::vector<LayerSparsity> list;
  detail::append_sparsity(list, model, "");
  return list;
}

/// Floating-point operations of one prediction as if only open weights were worked on: a multiplication and an addition
/// per weight that is not 0 and output pixel. Activations, poolings and layers without gates are not counted.
template <class Model>
  requires requires { typename Model::Scalar; }
Index flop_count(const Model& model) {
  Index total = 0;
  for (const auto& layer : sparsity_report(model)) total += layer.flops;
  return total;
}

/// The report as a table, a line per layer.
inline std::string to_string(const std::vector<LayerSparsity>& report) {
  std::string text = "layer, gates open, of, weights open, of, flops\n";
  for (const auto& layer : report) {
    text += layer.name;
    for (const Index number : {layer.open_gates, layer.gates, layer.open_weights, layer.weights, layer.flops}) {
      text += ", " + detail::to_text(number);
    }
    text += '\n';
  }
  return text;
}

}  // namespace l0
