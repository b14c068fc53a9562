// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// The sum of all weights as one more term, κ (Σw/W − 1)² with a multiplier that the solver moves until it holds; one
/// number, so a record's part in it costs nothing. Off with κ = 0.
struct TotalTerm {
  double inverse = 0;  ///< 1/W
  double kappa = 0;
  double residual = 0;  ///< Σw/W − 1
  double multiplier = 0;
};

/// What a sweep reads and writes per record and per target; arrays over all records, so that lists of columns index
/// them.
template <class Scalar>
struct SweepArrays {
  Scalar* weight;           ///< b, the mean weight
  Scalar* worth;            ///< h b², what the loss would rise by without the record
  Scalar* curvature;        ///< h = Σ κ M²; read where all κ are 1, else written
  const Scalar* shrinkage;  ///< 1/m − 1, m = E[z]²/E[z²] of the record's gate
  const Scalar* ridge;      ///< price of b²
  const Scalar* anchor;     ///< price of −2 b
  const Scalar* lowest;
  const Scalar* highest;
  Scalar* pull;  ///< κ e of every target; with other κ than 1, pairs (κ e, κ)
  TotalTerm* total;
  Scalar step;  ///< share of the way to the minimum, 1 but for the first sweeps
};

/// The exact minimum of the noise-free objective in one record's weight b, the other records fixed:
///
///     Σ_j κ_j (e_j + M_j Δ)² + h b² (1/m − 1) + ridge b² − 2 anchor b,  h = Σ κ_j M_j²,
///
/// from the gradient g = Σ κ_j e_j M_j and the total's part.
template <class Scalar>
L0_ALWAYS_INLINE Scalar coordinate_change(const SweepArrays<Scalar>& a, Index j, Scalar g, Scalar h) {
  const TotalTerm& total = *a.total;
  const auto total_slope = static_cast<Scalar>((total.kappa * total.residual + total.multiplier) * total.inverse);
  const auto total_curvature = static_cast<Scalar>(total.kappa * total.inverse * total.inverse);
  const Scalar b = a.weight[j];
  const Scalar bound = h * a.shrinkage[j] + a.ridge[j];
  const Scalar curvature = h + bound + total_curvature;
  if (!(curvature > 0)) return 0;
  const Scalar wanted = b - a.step * (g + bound * b - a.anchor[j] + total_slope) / curvature;
  const Scalar next = std::min(std::max(wanted, a.lowest[j]), a.highest[j]);
  a.weight[j] = next;
  a.worth[j] = h * next * next;
  a.total->residual += static_cast<double>(next - b) * total.inverse;
  return next - b;
}

/// Takes the listed records one after the other, each seeing what those before it left (Gauss–Seidel).
template <bool uniform>
struct SweepColumns {
  template <class Row, class Scalar>
  L0_ALWAYS_INLINE static void run(const Index* start, const Row* row, const Scalar* value, const Index* columns,
                                   Index count, SweepArrays<Scalar> a) {
    constexpr int lanes = 8;
    constexpr int width = uniform ? 1 : 2;
    Scalar* __restrict pull = a.pull;
    for (Index c = 0; c < count; ++c) {
      const Index j = columns[c];
      const Index begin = start[j];
      const Index end = start[j + 1];
      Scalar slope[lanes] = {};
      Scalar square[lanes] = {};
      Index k = begin;
      for (; k + lanes <= end; k += lanes) {
        for (int i = 0; i < lanes; ++i) slope[i] += value[k + i] * pull[width * static_cast<Index>(row[k + i])];
        if constexpr (!uniform) {
          for (int i = 0; i < lanes; ++i) {
            square[i] += value[k + i] * value[k + i] * pull[2 * static_cast<Index>(row[k + i]) + 1];
          }
        }
      }
      Scalar g = 0;
      Scalar h = 0;
      for (; k < end; ++k) {
        g += value[k] * pull[width * static_cast<Index>(row[k])];
        if constexpr (!uniform) h += value[k] * value[k] * pull[2 * static_cast<Index>(row[k]) + 1];
      }
      for (int i = 0; i < lanes; ++i) g += slope[i];
      if constexpr (uniform) {
        h = a.curvature[j];
      } else {
        for (int i = 0; i < lanes; ++i) h += square[i];
        a.curvature[j] = h;
      }
      const Scalar change = coordinate_change(a, j, g, h);
      if (change == 0) continue;
      for (k = begin; k < end; ++k) {
        if constexpr (uniform) {
          pull[row[k]] += value[k] * change;
        } else {
          pull[2 * static_cast<Index>(row[k])] += pull[2 * static_cast<Index>(row[k]) + 1] * value[k] * change;
        }
      }
    }
  }
};

}  // namespace l0::detail
