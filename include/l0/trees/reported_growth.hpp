// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/trees/ensemble.hpp>
#include <l0/trees/options.hpp>

namespace l0::detail {

/// The ensemble on all samples, or on all but a share of them held back, by whose loss it ends; records its losses and
/// reports every tree to `run`.
template <class Scalar>
TreeEnsemble<Scalar> grow_reported(const RankedSamples<Scalar>& data, const std::vector<Index>& features,
                                   const BoostingPlan& plan, double held_share, SoftTreeBoostingReport& report,
                                   FitRun& run) {
  std::vector<Dependent<Index, Scalar>> rows(static_cast<std::size_t>(data.samples()));
  std::iota(rows.begin(), rows.end(), Index{0});
  std::vector<Index> held;
  if (held_share > 0 && data.samples() >= 2) {
    const std::vector<Index> all = rows;
    rows = draw_rows(all, 1 - held_share, plan.seed, -1);
    std::set_difference(all.begin(), all.end(), rows.begin(), rows.end(), std::back_inserter(held));
  }
  struct Part {
    Matrix<Scalar> ranks;
    Vector<Scalar> y, weight, eta;
    double loss(const TreeLossFormulas& formulas) const { return formulas.mean(eta, y, weight); }
  };
  const auto part = [&](const std::vector<Index>& some) {
    return Part{data.rank_of(some), data.y(some), data.weight(some), {}};
  };
  Part seen = part(rows);
  Part unseen = part(held);
  std::size_t best = 0;
  const auto record = [&] {
    report.staged_loss.push_back(seen.loss(plan.loss));
    if (held.empty()) return true;
    auto& staged = report.staged_validation_loss;
    staged.push_back(unseen.loss(plan.loss));
    if (staged.back() < staged[best]) best = staged.size() - 1;
    return staged.size() - 1 - best < static_cast<std::size_t>(plan.patience);
  };
  auto ensemble = boost<Scalar>(
      data, rows, features, plan,
      [&](double base) {
        const Vector<Scalar> eta = data.constant(base);
        seen.eta = eta(rows);
        unseen.eta = eta(held);
        record();
      },
      [&](Index number, const ObliviousTree<Scalar>& tree) {
        add_tree(tree, seen.ranks, seen.eta);
        add_tree(tree, unseen.ranks, unseen.eta);
        const bool worthwhile = record();
        if (run.stopped()) return worthwhile;  // in the choice of features: these trees are the model
        StepReport step{.step = number + 1, .steps = worthwhile ? plan.trees : number + 1, .stage = "trees"};
        step.loss = report.staged_loss.back();
        step.objective = step.loss;
        step.expected_l0 = static_cast<double>(features.size());
        if (!held.empty()) step.validation_loss = report.staged_validation_loss.back();
        return run.proceeds(step) && worthwhile;
      });
  if (!held.empty() && best < ensemble.trees.size()) {
    ensemble.trees.resize(best);
    report.stop = StopReason::converged;
  }
  return ensemble;
}

}  // namespace l0::detail
