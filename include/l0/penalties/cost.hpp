// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <l0/penalties/penalty.hpp>

namespace l0 {

/// What an open gate costs.
enum class CostUnit {
  gates,    ///< 1
  weights,  ///< the weights that it keeps open, as |g| in eq. 12 of arXiv:1712.01312 for groups of weights
  flops     ///< two per such weight and output pixel
};

namespace detail {

/// A multiplication and an addition per output pixel: what every open weight of a layer costs.
template <class Part>
Index flops_per_weight(const Part& part) {
  if constexpr (requires { part.window(); }) {
    return 2 * part.window().output_pixels();
  } else {
    return 2;
  }
}

/// The cost of a part with all gates open.
template <class Part>
double full_cost(Part& part, CostUnit unit) {
  if constexpr (GatedLayer<Part>) {
    if (unit != CostUnit::gates) {
      const double weights = static_cast<double>(part.weight().size());
      return unit == CostUnit::weights ? weights : weights * static_cast<double>(flops_per_weight(part));
    }
  }
  return static_cast<double>(gates_of(part).size());
}

/// In the place of the weights' gradient, which a price per weight does not move.
struct NoGradient {
  template <class T>
  void operator+=(const T&) {}
  NoGradient& operator()(Index) { return *this; }
};

/// Returns the expected cost of a part, Σ cost · P(z≠0), and adds `scale` times its gradient. A gate array that stands
/// alone has no weights: each gate counts as one.
template <class Part>
double accumulate_cost(Part& part, CostUnit unit, double scale) {
  using Scalar = std::remove_cvref_t<decltype(gates_of(part).temperature())>;
  if constexpr (GatedLayer<Part>) {
    if (unit != CostUnit::gates) {
      const auto each = static_cast<Scalar>(unit == CostUnit::weights ? 1 : flops_per_weight(part));
      const auto ones = Vector<Scalar>::Ones(part.weight().rows());
      double cost = 0;
      part.gate().accumulate_prices([&](const auto& p, auto& price) {
        NoGradient none;
        for (Index j = 0; j < part.weight().cols(); ++j) {
          part.grouping().backward_column(j, p, ones, each * ones, none, price);
        }
        cost = static_cast<double>(p.cwiseProduct(price).sum());
        price *= static_cast<Scalar>(scale);
      });
      return cost;
    }
  }
  return static_cast<double>(gates_of(part).accumulate_expected_l0(static_cast<Scalar>(scale)));
}

}  // namespace detail

/// λ times the expected cost of the open gates, with a price of its own per gated layer if need be.
///
///     l0::LayerPenalty<float> penalty{.lambda = {1e-3, 1e-4}, .unit = l0::CostUnit::weights};
template <std::floating_point Scalar>
struct LayerPenalty {
  std::vector<double> lambda{1e-3};  ///< ≥ 0, one for all layers, or one for each in the order of the network
  CostUnit unit = CostUnit::gates;   ///< what λ is the price of

  /// Returns the penalty; adds its gradient to the gates'. Throws `Error` for a negative λ and for another number of λ
  /// than there are gated layers.
  template <Gated Model>
  Scalar accumulate(Model& model) const {
    std::size_t layers = 0;
    for_each_gated(model, [&](auto&) { ++layers; });
    if (lambda.size() != 1 && lambda.size() != layers) {
      detail::fail("size of lambda", detail::to_text(lambda.size()),
                   "1 or " + detail::to_text(layers) + ", the number of gated layers");
    }
    for (const double price : lambda) detail::require_non_negative("lambda", price);
    double total = 0;
    std::size_t k = 0;
    for_each_gated(model, [&](auto& part) {
      const double price = lambda[lambda.size() == 1 ? 0 : k++];
      if (price > 0) total += price * detail::accumulate_cost(part, unit, price);
    });
    return static_cast<Scalar>(total);
  }
};

}  // namespace l0
