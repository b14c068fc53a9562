// SPDX-License-Identifier: MIT
#pragma once

#include <l0/penalties/penalty.hpp>

namespace l0 {

/// λ E‖z‖₀: the expected number of open gates, Σ σ(log α − β log(−γ/ζ)), times λ (eq. 12 of arXiv:1712.01312). It
/// counts gates: one that closes a whole column of weights costs as much as one that closes a single weight.
template <std::floating_point Scalar>
struct L0Penalty {
  Scalar lambda = Scalar(1e-3);  ///< price of one open gate, ≥ 0

  /// Returns the penalty; adds λ dP(z≠0)/dlog α to the gates' gradients. Throws `Error` for a negative λ.
  template <Gated Model>
  Scalar accumulate(Model& model) const {
    detail::require_non_negative("lambda", lambda);
    return detail::sum_over_gated<Scalar>(
        model, [&](auto& part) { return lambda * detail::gates_of(part).accumulate_expected_l0(lambda); });
  }
};

}  // namespace l0
