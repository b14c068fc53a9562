// SPDX-License-Identifier: MIT
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include <l0/random/rng.hpp>
#include <l0/trees/growth.hpp>
#include <l0/trees/loss.hpp>
#include <l0/trees/refinement.hpp>

namespace l0::detail {

/// η(x) = base + Σ trees; features are numbered as in X. The base is no part of sums in `Scalar`: targets far from 0
/// would take their digits.
template <class Scalar>
struct TreeEnsemble {
  Double<Scalar> base = 0;
  std::vector<ObliviousTree<Scalar>> trees;

  /// Σ trees.
  Vector<Scalar> evaluate(const Matrix<Scalar>& ranks) const {
    Vector<Scalar> eta = Vector<Scalar>::Zero(ranks.rows());
    for (const ObliviousTree<Scalar>& tree : trees) add_tree(tree, ranks, eta);
    return eta;
  }

  /// Whether a tree has a split on the feature.
  bool uses(Index feature) const {
    return std::any_of(trees.begin(), trees.end(), [&](const auto& tree) { return tree.uses(feature); });
  }
  /// The features with a split, ascending.
  std::vector<Index> features() const {
    std::vector<Dependent<Index, Scalar>> all;
    for (const ObliviousTree<Scalar>& tree : trees) all.insert(all.end(), tree.features.begin(), tree.features.end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }

  /// η of the given rows with the gate of one feature closed, given η with all of them open.
  Vector<Scalar> with_closed(Index feature, const Matrix<Scalar>& ranks, const Vector<Scalar>& eta) const {
    Vector<Scalar> open = Vector<Scalar>::Zero(ranks.rows());
    Vector<Scalar> closed = eta;
    for (const ObliviousTree<Scalar>& tree : trees) {
      if (!tree.uses(feature)) continue;
      add_tree(tree, ranks, open);
      add_tree(tree, ranks, closed, feature);
    }
    return closed - open;
  }
};

/// How an ensemble is grown.
struct BoostingPlan {
  TreeLossFormulas loss;
  Index trees = 100;
  Index depth = 4;
  double learning_rate = 0.1;
  double subsample = 1;
  double lambda_l2 = 1;
  Index patience = 20;  ///< ends the ensemble of a fold
  Index steps = 10;     ///< of thresholds and widths, per tree
  bool soft = true;
  std::uint64_t seed = 0;
};

/// The first `count` of a random order of `rows`, ascending again: the same for the same seed and tree.
template <std::floating_point Real>
std::vector<Index> draw_rows(const std::vector<Index>& rows, Real share, std::uint64_t seed, Index tree) {
  const auto n = static_cast<Index>(rows.size());
  const auto count = std::max<Index>(1, static_cast<Index>(std::lround(share * static_cast<Real>(n))));
  if (count >= n) return rows;
  Vector<Real> u(n);
  fill_uniform(Rng(seed), 0x7265657, static_cast<std::uint64_t>(tree), u.data(), n);
  std::vector<Index> order(rows.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::nth_element(order.begin(), order.begin() + (count - 1), order.end(),
                   [&](Index a, Index b) { return u(a) < u(b); });
  std::sort(order.begin(), order.begin() + count);
  std::vector<Index> drawn(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < drawn.size(); ++k) drawn[k] = rows[static_cast<std::size_t>(order[k])];
  return drawn;
}

/// eta += the tree, its leaves halved until the loss on the rows it was fitted to does not rise: where the loss is not
/// quadratic, a step of Newton's method can go too far.
template <class Scalar>
void enter(ObliviousTree<Scalar>& tree, const RankedSamples<Scalar>& data, const std::vector<Index>& rows,
           TreeLossFormulas loss, Vector<Scalar>& eta) {
  if (loss.loss == TreeLoss::squared) return add_tree(tree, data.rank, eta);
  const Vector<Scalar> target = data.y(rows);
  const Vector<Scalar> weight = data.weight(rows);
  const Vector<Scalar> before = eta;
  const double limit = loss.mean(Vector<Scalar>(before(rows)), target, weight);
  for (int halvings = 0; halvings < 30; ++halvings) {
    eta = before;
    add_tree(tree, data.rank, eta);
    if (loss.mean(Vector<Scalar>(eta(rows)), target, weight) <= limit) return;
    tree.leaves /= 2;
  }
  eta = before;
  tree.leaves.setZero();
}

/// Gradient boosting on the given rows and features: every tree is fitted to the second-order expansion of the loss at
/// the sum of those before it and enters multiplied by the learning rate. `before(base)` is told
/// of the constant, `after(number, tree)` of every tree; it ends the growth by returning false.
template <class Scalar, class Before, class After>
TreeEnsemble<Scalar> boost(const RankedSamples<Scalar>& data, const std::vector<Index>& rows,
                           const std::vector<Index>& features, const BoostingPlan& plan, Before&& before,
                           After&& after) {
  TreeEnsemble<Scalar> ensemble;
  ensemble.base = plan.loss.constant(data, rows);
  Vector<Scalar> eta = data.constant(ensemble.base);
  before(ensemble.base);
  TreeGrowth<Scalar> growth(data);
  Vector<Scalar> slope;
  Vector<Scalar> curvature;
  for (Index number = 0; number < plan.trees; ++number) {
    const std::vector<Index> drawn = draw_rows(rows, plan.subsample, plan.seed, number);
    const Vector<Scalar> weight = data.weight(drawn);
    plan.loss.expand(Vector<Scalar>(eta(drawn)), Vector<Scalar>(data.y(drawn)), weight, slope, curvature);
    ObliviousTree<Scalar> tree = growth.grow(drawn, slope, curvature, features, plan.depth, plan.lambda_l2);
    if (tree.levels() == 0) break;
    Matrix<Scalar> ranks(static_cast<Index>(drawn.size()), tree.levels());
    for (Index l = 0; l < tree.levels(); ++l)
      ranks.col(l) = data.rank.col(tree.features[static_cast<std::size_t>(l)])(drawn);
    TreeFit<Scalar> fit(ranks, slope, curvature, plan.lambda_l2);
    if (plan.soft) {
      const double value = fit.soften(tree);
      fit.descend(tree, value, plan.steps);
    } else {
      fit.solve(tree);
    }
    fit.measure_shares(tree, weight);
    tree.leaves *= static_cast<Scalar>(plan.learning_rate);
    enter(tree, data, drawn, plan.loss, eta);
    ensemble.trees.push_back(std::move(tree));
    if (!after(number, ensemble.trees.back())) break;
  }
  return ensemble;
}

}  // namespace l0::detail
