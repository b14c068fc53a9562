// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// σ of half of what the criterion loses.
inline double gate_probability(double rise) { return 1 / (1 + std::exp(-std::clamp(rise / 2, -700.0, 700.0))); }

/// By how much the deviance rises for a unit of the score: a price is on mean losses, those of squares in units of
/// their variance σ̂² = squares/residuals.
inline double deviance_per_score(const SupportScore& score, double squares, Judge* judge) {
  if (score.kind != SupportScore::Kind::price) return 1;
  if (judge == by_deviance || score.squares_are_deviance) return 2 * score.samples;
  const double residuals = score.samples * score.responses;
  return score.samples * residuals / std::max(squares, score.rounding);
}

/// P(open) of every column's gate given the others, σ((F without − F with)/2), in a least-squares problem on a support;
/// `judge` tells F.
template <class Precise>
Vector<Precise> importance_of(const LeastSquaresProblem<Precise>& problem, Precise ridge,
                              const SelectionOptions& options, const SupportScore& score,
                              const std::vector<Index>& support, Judge* judge) {
  Vector<Precise> importance = Vector<Precise>::Zero(problem.columns().columns());
  double scale = 1;
  const auto of = [&](double change) { return gate_probability(change * scale); };
  if (!options.rules.units.trivial()) {
    SupportRules rules;
    rules.units = options.rules.units;
    GramRows<Precise> gram(problem.columns(), ridge);
    ActiveSet<Precise> state(gram, rules);
    const std::vector<Index> units = rules.units.units_of(support);
    state.reset(problem.correlation, problem.squares, rules.units.widest(static_cast<Index>(units.size()) + 1));
    state.set(units);
    const double here = judge(score, state.loss(), state.extent());
    scale = deviance_per_score(score, state.loss(), judge);
    const auto write = [&](Index unit, Precise value) {
      for (const Index j : rules.units.of(unit)) importance(j) = value;
    };
    for (Index g = 0; g < state.unit_count(); ++g) {
      const SupportSize size = state.size_after({SupportMove::Kind::add, -1, g, 0});
      if (!state.contains(g)) {
        write(g, of(here - judge(score, std::max(state.loss() - state.add_gain(g), score.rounding), size)));
      }
    }
    for (Index i = 0; i < state.size(); ++i) {
      const SupportSize size = state.size_after({SupportMove::Kind::drop, i, -1, 0});
      write(state.active()[static_cast<std::size_t>(i)],
            of(judge(score, state.loss() + state.drop_cost(i), size) - here));
    }
    return importance;
  }
  const NeighbourScan<Precise> scan(problem, ridge, support);
  const auto k = static_cast<Index>(support.size());
  const double here = judge(score, scan.loss, SupportSize{k, k});
  scale = deviance_per_score(score, scan.loss, judge);
  scan.each_chunk([&](Index first, const auto&, const auto& c, const auto& d) {
    for (Index l = 0; l < d.size(); ++l) {
      if (!(d(l) > NeighbourScan<Precise>::spanned)) continue;
      const double gain = c.row(l).squaredNorm() / d(l);
      importance(first + l) =
          of(here - judge(score, std::max(scan.loss - gain, score.rounding), SupportSize{k + 1, k + 1}));
    }
  });
  for (Index i = 0; i < k; ++i) {
    const double cost = scan.beta.row(i).squaredNorm() / scan.inverse(i, i);
    importance(support[static_cast<std::size_t>(i)]) =
        of(judge(score, scan.loss + cost, SupportSize{k - 1, k - 1}) - here);
  }
  return importance;
}

}  // namespace l0::detail
