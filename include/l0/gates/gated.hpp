// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include <l0/core/visit.hpp>
#include <l0/gates/gate.hpp>

/// \file
/// What is read off a model that says what it consists of (core/visit.hpp) and has gates somewhere: penalties,
/// temperatures, counts. No model writes any of it.

namespace l0 {

/// An array of gates, wherever it stands: a `Gate` or what looks like one.
template <class T>
concept GateArray = requires(std::remove_cvref_t<T>& gate) {
  gate.location();
  gate.set_temperature(gate.temperature());
  gate.accumulate_expected_l0(gate.temperature());
  gate.active_count();
};

/// A layer with weights, gates and the grouping that connects them.
template <class T>
concept GatedLayer = requires(std::remove_cvref_t<T>& part) {
  part.gate();
  part.weight();
  part.grouping();
};

/// A model that penalties can price: it says what it consists of, and gates are found wherever they stand in it.
///
///     struct Model { l0::L0Linear<double> first, second; void visit(auto&& v) { v("first", first); v("second",
///     second); } };
template <class Model>
concept Gated = Visitable<Model>;

/// Calls use(part) for every gated layer below a model and every gate array that stands alone, in order; const ones of
/// a const model. A gate array or a gated layer is a model as well, and is handed out itself.
template <Gated Model, class Use>
void for_each_gated(Model& model, Use&& use) {
  if constexpr (GateArray<Model> || GatedLayer<Model>) {
    use(model);
  } else {
    detail::visit_members(model, [&](std::string_view, auto& member, const auto&...) {
      if constexpr (Visitable<decltype(member)>) for_each_gated(member, use);
    });
  }
}

/// Open gates in prediction, and all gates.
struct GateCount {
  Index open = 0;  ///< not 0 in prediction
  Index all = 0;   ///< all
};

namespace detail {

/// The gate array of what `for_each_gated` hands out.
template <class Part>
auto& gates_of(Part& part) {
  if constexpr (GateArray<Part>) {
    return part;
  } else {
    return part.gate();
  }
}

/// Σ over the gated parts of a model.
template <class Scalar, class Model, class Price>
Scalar sum_over_gated(Model& model, Price&& price) {
  Scalar total = 0;
  for_each_gated(model, [&](auto& part) { total += price(part); });
  return total;
}

/// Calls use(path, part) as `for_each_gated`, with the place of the part in the model.
template <class Model, class Use>
void for_each_gated_at(Model& model, const std::string& path, Use&& use) {
  if constexpr (GateArray<Model> || GatedLayer<Model>) {
    use(path, model);
  } else {
    visit_members(model, [&](std::string_view name, auto& member, const auto&...) {
      if constexpr (Visitable<decltype(member)>) for_each_gated_at(member, path_below(path, name), use);
    });
  }
}

}  // namespace detail

/// β of all gates of a model from their next draw on. Throws `Error` unless > 0, and changes nothing then.
template <Gated Model>
void set_temperature(Model& model, double temperature) {
  detail::require_positive("temperature", temperature);
  for_each_gated(model, [&](auto& part) {
    auto& gate = detail::gates_of(part);
    gate.set_temperature(static_cast<std::remove_cvref_t<decltype(gate.temperature())>>(temperature));
  });
}

/// The expected number of open gates of a model, E‖z‖₀.
template <Gated Model>
double expected_l0(const Model& model) {
  return detail::sum_over_gated<double>(
      model, [](const auto& part) { return static_cast<double>(detail::gates_of(part).expected_l0()); });
}

/// The gates of a model that are not 0 in prediction, and all.
template <Gated Model>
GateCount count_gates(const Model& model) {
  GateCount total;
  for_each_gated(model, [&](const auto& part) {
    total.open += detail::gates_of(part).active_count();
    total.all += detail::gates_of(part).size();
  });
  return total;
}

/// The functions above as members, for the models of this library: what `parameters`, `set_temperature` and the like of
/// a layer or network are. A model of one's own may derive from it; nothing asks for that.
template <class Model, std::floating_point Scalar>
class VisitedModel {
 public:
  /// Handles for an optimizer; what they survive: see `Parameter`.
  Parameters<Scalar> parameters() { return l0::parameters(self()); }
  /// β of all gates from the next `forward` on. Throws `Error` unless > 0.
  void set_temperature(Scalar temperature) { l0::set_temperature(self(), static_cast<double>(temperature)); }
  /// The expected number of open gates.
  Scalar l0_penalty() const {
    return detail::sum_over_gated<Scalar>(
        self(), [](const auto& part) { return static_cast<Scalar>(detail::gates_of(part).expected_l0()); });
  }
  /// The same, under the name that l0-python uses.
  Scalar get_l0_penalty() const { return l0_penalty(); }
  /// The gates that are not 0 in prediction, and all.
  GateCount count_gates() const { return l0::count_gates(self()); }
  /// The share of gates that are exactly 0 in prediction; 0 if there are no gates.
  Scalar sparsity() const {
    const GateCount count = count_gates();
    return count.all == 0 ? Scalar(0) : 1 - static_cast<Scalar>(count.open) / static_cast<Scalar>(count.all);
  }

 protected:
  ~VisitedModel() = default;  // not a type to hold a model by

 private:
  Model& self() { return static_cast<Model&>(*this); }
  const Model& self() const { return static_cast<const Model&>(*this); }
};

}  // namespace l0
