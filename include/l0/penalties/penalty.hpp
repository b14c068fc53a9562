// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// penalties/: what open gates and weights cost.
///
///     model.for_each_gated(visit)     every gate array or gated layer, in order: models only pass it on
///       ▼ accumulate(model)           between backward and the optimizer's step
///       │   L0Penalty                 λ per gate that is expected to be open
///       │   L1Penalty, L2Penalty      λ on weights, plain or as far as their gates are open
///       │   LayerPenalty (cost.hpp)   λ per gate, weight or operation, a λ per layer
///       │   Budget                    the same costs under a limit: λ is a dual variable and moves
///       ▼
///     the value is returned, the gradient added to that of log α (and of the weights)
///
/// `BudgetPrice` is the budget of the estimators and of `minimize`, which run for a known number of steps.

#include <l0/gates/gate.hpp>

namespace l0 {

/// A model that penalties can price: `for_each_gated(visit)` calls `visit(part)` for every gate array or gated layer in
/// it. Gates and layers have it; a model of one's own forwards it to its members:
///
///     void for_each_gated(auto&& visit) { first.for_each_gated(visit); second.for_each_gated(visit); }
template <class Model>
concept Gated = requires(Model& model) {
  model.for_each_gated([](auto&) {});
};

/// A price on a model: `accumulate(model)` returns its value and adds its gradient to the model's.
template <class P, class Model>
concept Penalty = requires(const P penalty, Model& model) {
  { penalty.accumulate(model) } -> std::convertible_to<double>;
};

namespace detail {

/// A gate array that stands alone, as opposed to a layer that has one.
template <class Part>
concept GateArray = requires(Part& part) {
  part.accumulate_expected_l0(part.temperature());
};

/// A layer with weights, gates and the grouping that connects them.
template <class Part>
concept GatedLayer = requires(Part& part) {
  part.gate();
  part.weight();
  part.grouping();
};

template <class Part>
auto& gates_of(Part& part) {
  if constexpr (GateArray<Part>) {
    return part;
  } else {
    return part.gate();
  }
}

/// Σ over the parts of a model.
template <class Scalar, class Model, class Price>
Scalar sum_over_gated(Model& model, Price&& price) {
  Scalar total = 0;
  model.for_each_gated([&](auto& part) { total += price(part); });
  return total;
}

}  // namespace detail
}  // namespace l0
