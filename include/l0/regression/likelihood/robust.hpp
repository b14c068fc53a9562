// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// The median of numbers with weights > 0: in the middle of two where half of the weight lies on each side, so that a
/// weight of 2 is a number given twice.
template <class V>
double weighted_median(const V& values, const V& weight) {
  std::vector<Dependent<Index, V>> order(static_cast<std::size_t>(values.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values(a) < values(b); });
  const double total = weight.sum();
  double below = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    below += weight(order[i]);
    if (2 * below > total * (1 + 1e-9)) return values(order[i]);
    if (2 * below >= total * (1 - 1e-9) && i + 1 < order.size()) return (values(order[i]) + values(order[i + 1])) / 2;
  }
  return order.empty() ? 0.0 : values(order.back());
}

/// The median size of residuals, in units in which it estimates the deviation of Gaussian ones: divided by Φ⁻¹(3/4).
template <class V>
double median_scale(const V& residual, const V& weight) {
  return weighted_median(V(residual.cwiseAbs()), weight) / 0.6744897501960817;
}

/// A deviation that a few wild values don't move: of the distances from the median; where more than half of the values
/// agree, the mean distance, and 1 where all do.
template <class V>
double robust_unit(const V& values, const V& weight) {
  const V distance = (values.array() - weighted_median(values, weight)).matrix();
  const double median = median_scale(distance, weight);
  if (median > 0) return median;
  const double mean = distance.cwiseAbs().dot(weight) / weight.sum();
  return mean > 0 ? mean : 1.0;
}

/// Whether a parameter moved by more than rounding, and no further step is worth its fit.
inline bool moved(double before, double after) { return !(std::abs(after - before) <= 1e-10 * std::abs(after)); }

}  // namespace l0::detail
