// SPDX-License-Identifier: MIT
#pragma once

#include <l0/gates/hard_concrete.hpp>
#include <l0/penalties/penalty.hpp>

namespace l0 {

/// Options of `prune`.
struct PruneOptions {
  double threshold = 0;  ///< gates whose value in prediction is at most this are closed; in [0, 1)
};

/// Closes gates for good: a gate whose deterministic value is at most `threshold` gets the lowest log α there is, and
/// the weights that it closes become exact zeros. At threshold 0 predictions stay as they are. Returns how many gates
/// of the model are closed then. Throws `Error` for a threshold outside [0, 1), and for gates so warm that not even the
/// lowest log α closes them (β above 8.3 at the default γ and ζ), and changes nothing.
template <Gated Model>
Index prune(Model& model, const PruneOptions& options = {}) {
  detail::require(options.threshold >= 0 && options.threshold < 1, "threshold", options.threshold,
                  "a gate value in [0, 1)");
  for_each_gated(model, [](const auto& part) {
    const auto& gate = detail::gates_of(part);
    using Scalar = std::remove_cvref_t<decltype(gate.temperature())>;
    const bool can_close = gate.distribution().formulas().deterministic(-Scalar(detail::log_alpha_limit)) == 0;
    detail::require(can_close, "temperature", gate.temperature(), "one at which gates can close");
  });
  Index closed = 0;
  for_each_gated(model, [&]<class Part>(Part& part) {
    auto& gate = detail::gates_of(part);
    auto z = gate.deterministic();
    using Scalar = typename std::remove_cvref_t<decltype(z)>::Scalar;
    auto& location = gate.location();
    for (Index k = 0; k < z.size(); ++k) {
      if (static_cast<double>(z.data()[k]) > options.threshold) continue;
      z.data()[k] = 0;
      location.data()[k] = -static_cast<Scalar>(detail::log_alpha_limit);
      ++closed;
    }
    if constexpr (GatedLayer<Part>) {
      auto& weight = part.weight();
      const Matrix<Scalar> ones = Matrix<Scalar>::Ones(weight.rows(), 1);
      Matrix<Scalar> open(weight.rows(), 1);
      for (Index j = 0; j < weight.cols(); ++j) {
        part.grouping().scale_column(j, z, ones.col(0), open.col(0));
        for (Index o = 0; o < weight.rows(); ++o) {
          if (open(o, 0) == 0) weight(o, j) = 0;
        }
      }
    }
  });
  return closed;
}

}  // namespace l0
