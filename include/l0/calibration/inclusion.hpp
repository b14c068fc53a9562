// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/calibration/compact_matrix.hpp>

namespace l0::detail {

/// The largest share that each record has of any target, max_i w_j |M_ij| / Σ_j w_j |M_ij|, over rows that count.
template <class Scalar>
std::vector<double> largest_shares(const CompactMatrix<Scalar>& m, const std::vector<double>& weight,
                                   const std::vector<char>& counts) {
  std::vector<Double<Scalar>> size(static_cast<std::size_t>(m.rows()), 0.0);
  std::vector<Double<Scalar>> share(weight.size(), 0.0);
  const auto for_parts = [&](auto&& visit) {
    for (Index j = 0; j < m.columns(); ++j) {
      const double w = weight[static_cast<std::size_t>(j)];
      m.for_column(j, [&](Index row, Scalar value) {
        const auto i = static_cast<std::size_t>(row);
        if (counts[i]) visit(static_cast<std::size_t>(j), i, w * std::abs(static_cast<double>(value)));
      });
    }
  };
  for_parts([&](std::size_t, std::size_t i, double part) { size[i] += part; });
  for_parts([&](std::size_t j, std::size_t i, double part) {
    if (size[i] > 0) share[j] = std::max(share[j], part / size[i]);
  });
  return share;
}

/// Probabilities π_j = min(1, max(c size_j, a share_j)) that add up to `count`: proportional to size, but high enough
/// that a record at its size/π stands for no more than the whole of any target. Those for which that matters get half
/// of the count at most; then they stand for more.
template <class Values>
Values inclusion_probabilities(const Values& size, const Values& share, Index count) {
  const auto wanted = static_cast<double>(count);
  const auto sum = [&](double c, double a) {
    double total = 0;
    for (std::size_t j = 0; j < size.size(); ++j) total += std::min(1.0, std::max(c * size[j], a * share[j]));
    return total;
  };
  const auto solve = [&](double low, double high, auto&& is_too_much) {
    for (int step = 0; step < 100; ++step) {
      const double middle = (low + high) / 2;
      (is_too_much(middle) ? high : low) = middle;
    }
    return low;
  };
  double smallest = 0;
  for (const double s : size) {
    if (s > 0 && (smallest == 0 || s < smallest)) smallest = s;
  }
  if (smallest == 0) return Values(size.size(), 0.0);
  const double a = sum(0, 1) <= wanted / 2 ? 1 : solve(0, 1, [&](double x) { return sum(0, x) > wanted / 2; });
  const double c = solve(0, 1 / smallest, [&](double x) { return sum(x, a) > wanted; });
  Values probability(size.size(), 0.0);
  for (std::size_t j = 0; j < size.size(); ++j) {
    if (size[j] > 0) probability[j] = std::min(1.0, std::max(c * size[j], a * share[j]));
  }
  return probability;
}

/// A systematic sample in the order of the numbers: one wherever the sum of the probabilities passes ½, 1½, …, and
/// where rounding or certain members leave too few, the first others that are allowed.
template <class Values>
std::vector<char> systematic_sample(const Values& probability, Index count) {
  std::vector<char> in(probability.size(), 0);
  double sum = 0.5;
  Index taken = 0;
  for (std::size_t j = 0; j < probability.size() && taken < count; ++j) {
    sum += probability[j];
    if (sum < 1) continue;
    sum -= 1;
    in[j] = 1;
    ++taken;
  }
  for (std::size_t j = 0; j < probability.size() && taken < count; ++j) {
    if (in[j] || !(probability[j] > 0)) continue;
    in[j] = 1;
    ++taken;
  }
  return in;
}

}  // namespace l0::detail
