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

/// η(x) = base + Σ trees; features are numbered as in X.
template <class Scalar>
struct TreeEnsemble {
  Scalar base = 0;
  std::vector<ObliviousTree<Scalar>> trees;

  Vector<Scalar> evaluate(const Matrix<Scalar>& ranks) const {
    Vector<Scalar> eta = Vector<Scalar>::Constant(ranks.rows(), base);
    for (const ObliviousTree<Scalar>& tree : trees) add_tree(tree, ranks, eta);
    return eta;
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
  Index steps = 10;  ///< of thresholds and widths, per tree
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
void enter(ObliviousTree<Scalar>& tree, const Matrix<Scalar>& ranks, const Vector<Scalar>& y,
           const std::vector<Index>& rows, TreeLossFormulas loss, Vector<Scalar>& eta) {
  if (loss.loss == TreeLoss::squared) return add_tree(tree, ranks, eta);
  const Vector<Scalar> target = y(rows);
  const Vector<Scalar> before = eta;
  const double limit = loss.mean(Vector<Scalar>(before(rows)), target);
  for (int halvings = 0; halvings < 30; ++halvings) {
    eta = before;
    add_tree(tree, ranks, eta);
    if (loss.mean(Vector<Scalar>(eta(rows)), target) <= limit) return;
    tree.leaves /= 2;
  }
  eta = before;
  tree.leaves.setZero();
}

/// Gradient boosting on the given rows and features: every tree is fitted to the second-order expansion of the loss at
/// the sum of those before it and enters multiplied by the learning rate. `before(base)` is told
/// of the constant, `after(number, tree)` of every tree; it ends the growth by returning false.
template <class Scalar, class Before, class After>
TreeEnsemble<Scalar> boost(const RankedSamples<Scalar>& data, const Vector<Scalar>& y, const std::vector<Index>& rows,
                           const std::vector<Index>& features, const BoostingPlan& plan, Before&& before,
                           After&& after) {
  const auto n = static_cast<Index>(rows.size());
  TreeEnsemble<Scalar> ensemble;
  Vector<Scalar> target(n);
  for (Index k = 0; k < n; ++k) target(k) = y(rows[static_cast<std::size_t>(k)]);
  ensemble.base =
      static_cast<Scalar>(plan.loss.constant(target.template cast<double>().mean(), static_cast<double>(n)));
  Vector<Scalar> eta = Vector<Scalar>::Constant(y.size(), ensemble.base);
  before(ensemble.base);
  Vector<Scalar> slope;
  Vector<Scalar> curvature;
  TreeGrowth<Scalar> growth(data);
  for (Index number = 0; number < plan.trees; ++number) {
    plan.loss.expand(eta, y, slope, curvature);
    const std::vector<Index> drawn = draw_rows(rows, plan.subsample, plan.seed, number);
    ObliviousTree<Scalar> tree = growth.grow(drawn, slope, curvature, features, plan.depth, plan.lambda_l2);
    if (tree.levels() == 0) break;
    const auto count = static_cast<Index>(drawn.size());
    Matrix<Scalar> ranks(count, tree.levels());
    for (Index l = 0; l < tree.levels(); ++l)
      ranks.col(l) = data.rank.col(tree.features[static_cast<std::size_t>(l)])(drawn);
    const Vector<Scalar> drawn_slope = slope(drawn);
    const Vector<Scalar> drawn_curvature = curvature(drawn);
    TreeFit<Scalar> fit(ranks, drawn_slope, drawn_curvature, plan.lambda_l2);
    if (plan.soft) {
      const double value = fit.soften(tree);
      fit.descend(tree, value, plan.steps);
    } else {
      fit.solve(tree);
    }
    fit.measure_shares(tree);
    tree.leaves *= static_cast<Scalar>(plan.learning_rate);
    enter(tree, data.rank, y, drawn, plan.loss, eta);
    ensemble.trees.push_back(std::move(tree));
    if (!after(number, ensemble.trees.back())) break;
  }
  return ensemble;
}

}  // namespace l0::detail
