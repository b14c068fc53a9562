// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// penalties/: what open gates and weights cost.
///
///     for_each_gated(model, use)      every gated layer and gate array that a model visits, in order
///       ▼ accumulate(model)           between backward and the optimizer's step
///       │   L0Penalty                 λ per gate that is expected to be open
///       │   L1Penalty, L2Penalty      λ on weights, plain or as far as their gates are open
///       │   LayerPenalty (cost.hpp)   λ per gate, weight or operation, a λ per layer
///       │   Budget                    the same costs under a limit: λ is a dual variable and moves
///       ▼
///     the value is returned, the gradient added to that of log α (and of the weights)
///
/// `BudgetPrice` is the budget of the estimators and of `minimize`, which run for a known number of steps.

#include <l0/gates/gated.hpp>

namespace l0 {

/// A price on a model: `accumulate(model)` returns its value and adds its gradient to the model's.
template <class P, class Model>
concept Penalty = requires(const P penalty, Model& model) {
  { penalty.accumulate(model) } -> std::convertible_to<double>;
};

}  // namespace l0
