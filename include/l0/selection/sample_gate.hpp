// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/argument.hpp>
#include <l0/selection/item_gate.hpp>

namespace l0 {

/// Options of `SampleGate`.
template <std::floating_point Scalar>
struct SampleGateOptions {
  std::optional<Index> target_samples{};  ///< choose so many samples, ≥ 0; not given: those with open gates
  Scalar temperature = Scalar(0.5);       ///< β > 0
  Scalar init_sparsity = Scalar(0.5);     ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Scalar gamma = Scalar(-0.1);            ///< γ < 0
  Scalar zeta = Scalar(1.1);              ///< ζ > 1
  std::uint64_t stream = 0;               ///< which stream of the Rng: give gates that share an Rng different ones
};

/// A gate on every row of X: which samples stand for all.
///
///     l0::SampleGate<float> samples(n_samples, {.target_samples = 100});
///     const auto& gated = samples.apply(X, rng);   // diag(z) X, in training
///     samples.backward(dL_dgated);
///     const auto [chosen, indices] = samples.select(X);
///
/// An objective that is no function of the gated rows moves the gates themselves: `samples.gate().sample(rng)` and
/// `.backward(dL_dz)`, or their probabilities as `Coverage` does. Which samples are chosen: see `selected`.
template <std::floating_point Scalar_>
class SampleGate : public detail::ItemGate<Scalar_, detail::Axis::rows> {
  using Base = detail::ItemGate<Scalar_, detail::Axis::rows>;

 public:
  using Scalar = Scalar_;                     ///< float or double
  using Options = SampleGateOptions<Scalar>;  ///< what can be set

  /// Throws `Error` for options outside their ranges.
  explicit SampleGate(Index n_samples, const Options& options = {})
      : Base(n_samples, detail::gate_options(options),
             detail::checked_budget("target_samples", options.target_samples)) {}

  /// The chosen rows of X, their indices and their weights times their gates, see `gates()`.
  template <BatchInput X, class Derived>
  WeightedSelection<detail::Taken<detail::Axis::rows, X>, Scalar> select_weighted(
      const X& x, const Eigen::DenseBase<Derived>& weights) const {
    detail::require_items<detail::Axis::rows>(x, this->size());
    detail::require_weights(weights, this->size());
    std::vector<Index> chosen = this->selected();
    Vector<Scalar> kept = detail::take<detail::Axis::rows>(detail::as_matrix(weights).template cast<Scalar>(), chosen);
    kept.array() *= this->gate().deterministic()(chosen).array();
    return {detail::take<detail::Axis::rows>(x, chosen), std::move(chosen), std::move(kept)};
  }
};

}  // namespace l0
