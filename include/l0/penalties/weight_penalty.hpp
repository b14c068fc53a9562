// SPDX-License-Identifier: MIT
#pragma once

#include <l0/penalties/l0_penalty.hpp>

namespace l0 {

/// Whether a price on weights is charged in full or only as far as the gate is expected to be open.
enum class WeightPrice {
  plain,       ///< Σ r(w)
  under_gates  ///< Σ P(z≠0) r(w), which also moves log α: section 2.1 of arXiv:1712.01312
};

namespace detail {

/// λ Σ r(w) or λ Σ P(z≠0) r(w) over the gated layers of a model. `slope(w)` is r′(w); r is homogeneous of the given
/// degree, so that r(w) = w r′(w)/degree. Gate arrays that stand alone have no weights and cost nothing.
template <int degree, class Scalar, class Model, class Slope>
Scalar accumulate_weight_price(Model& model, Scalar lambda, WeightPrice price, Slope slope) {
  require_non_negative("lambda", lambda);
  constexpr Scalar share = Scalar(1) / degree;
  return sum_over_gated<Scalar>(model, [&]<class Part>(Part& part) -> Scalar {
    if constexpr (!GatedLayer<Part>) {
      return 0;
    } else if (price == WeightPrice::plain) {
      const auto slopes = part.weight().unaryExpr(slope);
      part.weight_gradient() += lambda * slopes;
      return lambda * share * part.weight().cwiseProduct(slopes).sum();
    } else {
      // As the layer differentiates w∘z: what reaches w is λ r′(w) p, what reaches p is λ Σ r(w) over its weights.
      return part.gate().accumulate_prices([&](const auto& p, auto& price_of_gate) {
        for (Index j = 0; j < part.weight().cols(); ++j) {
          const auto weight = part.weight().col(j);
          part.grouping().backward_column(j, p, share * weight, lambda * weight.unaryExpr(slope),
                                          part.weight_gradient().col(j), price_of_gate);
        }
      });
    }
  });
}

}  // namespace detail

/// λ Σ w² over the weights of gated layers (not the biases), in full or under the gates.
template <std::floating_point Scalar>
struct L2Penalty {
  Scalar lambda = Scalar(1e-3);            ///< λ ≥ 0
  WeightPrice price = WeightPrice::plain;  ///< in full or under the gates

  /// Returns the penalty; adds its gradient to the weights' (and, under the gates, to that of log α).
  template <Gated Model>
  Scalar accumulate(Model& model) const {
    return detail::accumulate_weight_price<2>(model, lambda, price, [](Scalar w) { return 2 * w; });
  }
};

/// λ Σ |w| over the weights of gated layers (not the biases), in full or under the gates; subgradient 0 at w = 0.
template <std::floating_point Scalar>
struct L1Penalty {
  Scalar lambda = Scalar(1e-3);            ///< λ ≥ 0
  WeightPrice price = WeightPrice::plain;  ///< in full or under the gates

  /// Returns the penalty of all weights and adds its gradient.
  template <Gated Model>
  Scalar accumulate(Model& model) const {
    return detail::accumulate_weight_price<1>(model, lambda, price,
                                              [](Scalar w) { return static_cast<Scalar>((w > 0) - (w < 0)); });
  }
};

/// λ₀ E‖z‖₀ + λ₂ Σ w²: `L0Penalty` and `L2Penalty` in one.
template <std::floating_point Scalar>
struct L0L2Penalty {
  Scalar lambda_l0 = Scalar(1e-3);         ///< price of one open gate, ≥ 0
  Scalar lambda_l2 = Scalar(1e-4);         ///< price of a squared weight, ≥ 0
  WeightPrice price = WeightPrice::plain;  ///< of the weights: in full or under the gates

  /// Returns the penalty of all weights and adds its gradient.
  template <Gated Model>
  Scalar accumulate(Model& model) const {
    detail::require_non_negative("lambda_l0", lambda_l0);
    detail::require_non_negative("lambda_l2", lambda_l2);
    return L0Penalty<Scalar>{lambda_l0}.accumulate(model) + L2Penalty<Scalar>{lambda_l2, price}.accumulate(model);
  }
};

}  // namespace l0
