// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/move.hpp>

namespace l0::detail {

/// A forced move from a support, by units (−1: none), and how much it raises the score.
struct Excursion {
  double rise;
  Index out;
  Index in;
};

/// For every active unit its best swap and its drop, and the `most` best adds, cheapest first. `rise(move)` is what a
/// move adds to the score.
template <class Precise, class Rise>
std::vector<Dependent<Excursion, Precise>> excursions_from(const ActiveSet<Precise>& state, Index most, Rise rise) {
  std::vector<Dependent<Excursion, Precise>> result;
  const auto rise_of = [&](Index i, Index j, double change) {
    return rise(SupportMove{SupportMove::Kind::swap, i, j, state.loss() + change});
  };
  for (Index i = 0; i < state.size(); ++i) {
    double gain = 0;
    const Index j = state.best_swap_for(i, gain);
    const Index out = state.active()[static_cast<std::size_t>(i)];
    if (j >= 0) result.push_back({rise_of(i, j, -gain), out, j});
    result.push_back({rise_of(i, -1, state.drop_cost(i)), out, -1});
  }
  for (const Index l : state.best_adds(most)) result.push_back({rise_of(-1, l, -state.add_gain(l)), -1, l});
  sort_stably(result, [](const auto& a, const auto& b) { return a.rise < b.rise; });
  return result;
}

}  // namespace l0::detail
