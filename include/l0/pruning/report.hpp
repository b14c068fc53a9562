// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <l0/gates/gated.hpp>
#include <l0/layers/any_layer.hpp>

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

/// The gated layers of a network, in order.
template <Gated Model>
std::vector<LayerSparsity> sparsity_report(const Model& model) {
  std::vector<detail::Dependent<LayerSparsity, Model>> list;
  detail::for_each_gated_at(model, {}, [&]<class Part>(const std::string& place, const Part& part) {
    if constexpr (GatedLayer<Part>) {
      detail::Dependent<LayerSparsity, Part> layer;
      layer.name = place;
      if constexpr (requires { Part::type_name; }) {
        layer.name += (place.empty() ? "" : " ") + std::string(Part::type_name);
      }
      layer.gates = part.gate().size();
      layer.open_gates = part.gate().active_count();
      layer.expected_l0 = static_cast<double>(part.gate().expected_l0());
      layer.weights = part.weight().size();
      layer.open_weights = part.open_weights();
      layer.flops = part.flops();
      list.push_back(std::move(layer));
    }
  });
  return list;
}

/// Floating-point operations of one prediction as if only open weights were worked on: a multiplication and an addition
/// per weight that is not closed and output pixel, of layers with and without gates. Activations and poolings are not
/// counted, nor are layers of the user's own without `flops()`.
template <Gated Model>
Index flop_count(const Model& model) {
  return detail::flops_of(model);
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
