// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/trees/ensemble.hpp>

namespace l0::detail {

/// How many features are wanted: by price, by budget, or as few as do no worse.
struct TreeSelectionTarget {
  std::optional<double> lambda;
  std::optional<Index> budget;
  Index folds = 5;
  int threads = 1;
};

/// What closing the gates is judged by: ensembles each grown without one fold and evaluated on it.
template <class Scalar>
class OutOfFold {
 public:
  OutOfFold(const RankedSamples<Scalar>& data, const Vector<Scalar>& y, const BoostingPlan& plan, Index folds)
      : data_(&data), y_(&y), plan_(plan), folds_(static_cast<std::size_t>(folds)) {
    std::vector<Dependent<Index, Scalar>> order(static_cast<std::size_t>(y.size()));
    std::iota(order.begin(), order.end(), Index{0});
    Rng rng(plan.seed);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(rng() % i)]);
    std::vector<Dependent<std::size_t, Scalar>> fold_of(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) fold_of[static_cast<std::size_t>(order[i])] = i % folds_.size();
    for (std::size_t f = 0; f < folds_.size(); ++f) {
      for (Index i = 0; i < y.size(); ++i) {
        (fold_of[static_cast<std::size_t>(i)] == f ? folds_[f].held : folds_[f].rows).push_back(i);
      }
      folds_[f].ranks = data.rank_of(folds_[f].held);
      folds_[f].y = y(folds_[f].held);
    }
  }

  /// Grows the ensembles of one set of features and judges it; `loss` gets the loss of every sample.
  TreeSelectionStep judge(const std::vector<Index>& features, Workers& workers, Vector<Double<Scalar>>& loss) {
    const auto n = static_cast<double>(y_->size());
    workers.run(static_cast<Index>(folds_.size()),
                [&](Index f) { grow(folds_[static_cast<std::size_t>(f)], features); });
    Dependent<TreeSelectionStep, Scalar> step;
    step.features = features;
    step.staged.assign(static_cast<std::size_t>(plan_.trees) + 1, 0.0);
    for (const Fold& fold : folds_) {
      for (std::size_t t = 0; t < step.staged.size(); ++t) {
        step.staged[t] += fold.staged[std::min(t, fold.staged.size() - 1)] / n;
      }
    }
    const auto best = std::min_element(step.staged.begin(), step.staged.end());
    step.out_of_fold_loss = *best;
    step.trees = static_cast<Index>(best - step.staged.begin());
    step.worth.assign(features.size(), 0.0);
    workers.run(static_cast<Index>(folds_.size()),
                [&](Index f) { close_gates(folds_[static_cast<std::size_t>(f)], features, step.trees); });
    loss.resize(y_->size());
    for (const Fold& fold : folds_) {
      for (std::size_t k = 0; k < features.size(); ++k) step.worth[k] += fold.worth[k] / n;
      for (std::size_t i = 0; i < fold.held.size(); ++i) loss(fold.held[i]) = fold.loss(static_cast<Index>(i));
    }
    return step;
  }

 private:
  struct Fold {
    std::vector<Index> rows;
    std::vector<Index> held;
    Matrix<Scalar> ranks;  // of the held samples
    Vector<Scalar> y;
    TreeEnsemble<Scalar> ensemble;
    std::vector<double> staged;  // sums over the held samples
    std::vector<double> worth;
    Vector<Double<Scalar>> loss;
  };

  double total(const Vector<Scalar>& eta, const Vector<Scalar>& y) const {
    return plan_.loss.mean(eta, y) * static_cast<double>(y.size());
  }

  void grow(Fold& fold, const std::vector<Index>& features) const {
    fold.staged.clear();
    Vector<Scalar> eta;
    fold.ensemble = boost<Scalar>(
        *data_, *y_, fold.rows, features, plan_,
        [&](Scalar base) {
          eta.setConstant(fold.y.size(), base);
          fold.staged.push_back(total(eta, fold.y));
        },
        [&](Index, const ObliviousTree<Scalar>& tree) {
          add_tree(tree, fold.ranks, eta);
          fold.staged.push_back(total(eta, fold.y));
          return true;
        });
  }

  void close_gates(Fold& fold, const std::vector<Index>& features, Index trees) const {
    auto& grown = fold.ensemble.trees;
    grown.resize(std::min(grown.size(), static_cast<std::size_t>(trees)));
    const Vector<Scalar> eta = fold.ensemble.evaluate(fold.ranks);
    fold.loss.resize(eta.size());
    for (Index i = 0; i < eta.size(); ++i) {
      fold.loss(i) = plan_.loss.value(static_cast<double>(eta(i)), static_cast<double>(fold.y(i)));
    }
    const double open = fold.loss.sum();
    fold.worth.clear();
    for (const Index j : features) {
      fold.worth.push_back(total(fold.ensemble.with_closed(j, fold.ranks, eta), fold.y) - open);
    }
  }

  const RankedSamples<Scalar>* data_;
  const Vector<Scalar>* y_;
  BoostingPlan plan_;
  std::vector<Fold> folds_;
};

/// What a selection went through, and which of its sets it takes.
struct TreeSelection {
  std::vector<TreeSelectionStep> path;
  std::size_t chosen = 0;
};

/// Backward elimination by gates: each round grows ensembles on the features that are left, and closes those gates
/// whose closing does not raise the loss on unseen samples; if there are none, the one that raises it least. By price
/// the set with the least loss + λ·size is taken, by budget the set of that size, else the smallest set whose loss is
/// within one standard error of the least. Reports the gates closed after every round to `run`, which may end it.
template <class Scalar>
TreeSelection select_tree_features(const RankedSamples<Scalar>& data, const Vector<Scalar>& y, BoostingPlan plan,
                                   std::vector<Index> features, const TreeSelectionTarget& target, FitRun& run) {
  Workers workers(target.threads);
  OutOfFold<Scalar> judge(data, y, plan, target.folds);
  Dependent<TreeSelection, Scalar> selection;
  std::vector<Vector<Double<Scalar>>> losses;
  std::size_t best = 0;
  const double price = target.lambda.value_or(0.0);
  const auto objective = [&](std::size_t k) {
    return selection.path[k].out_of_fold_loss + price * static_cast<double>(selection.path[k].features.size());
  };
  const auto error_against = [&](std::size_t k, std::size_t l) {
    const Vector<Double<Scalar>> difference = losses[k] - losses[l];
    const double mean = difference.mean();
    return std::sqrt((difference.array() - mean).square().mean() / static_cast<double>(y.size()));
  };
  const auto least = static_cast<std::size_t>(target.budget.value_or(0));
  const std::size_t all = features.size();
  while (true) {
    losses.emplace_back();
    selection.path.push_back(judge.judge(features, workers, losses.back()));
    const std::size_t now = selection.path.size() - 1;
    if (objective(now) <= objective(best)) best = now;
    const double rise = selection.path[now].out_of_fold_loss - objective(best);
    const bool done = features.size() <= least ||
                      (!target.budget && rise > 3 * error_against(now, best));  // fewer would only be worse
    StepReport report{.step = static_cast<Index>(all - features.size()), .stage = "features"};
    report.steps = done ? report.step : static_cast<Index>(all - least);
    report.loss = selection.path[now].out_of_fold_loss;
    report.expected_l0 = static_cast<double>(features.size());
    report.lambda = price;
    report.objective = report.loss + price * report.expected_l0;
    const bool proceeds = run.proceeds(report);
    if (done || (!proceeds && !target.budget)) break;
    // The gates that close.
    const std::vector<double>& worth = selection.path[now].worth;
    std::vector<Dependent<std::size_t, Scalar>> order(features.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    sort_stably(order, [&](std::size_t a, std::size_t b) { return worth[a] < worth[b]; });
    const auto useless =
        static_cast<std::size_t>(std::count_if(worth.begin(), worth.end(), [](double w) { return w <= 0; }));
    const auto unused = static_cast<std::size_t>(std::count(worth.begin(), worth.end(), 0.0));
    std::size_t close = std::max({std::size_t{1}, unused, std::min(useless, (features.size() + 1) / 2)});
    if (run.stopped()) close = features.size();  // down to the budget at once
    close = std::min(close, features.size() - least);
    std::vector<Dependent<Index, Scalar>> left;
    for (std::size_t k = close; k < order.size(); ++k) left.push_back(features[order[k]]);
    std::sort(left.begin(), left.end());
    features = std::move(left);
  }
  selection.chosen = best;
  for (std::size_t k = 0; k < selection.path.size(); ++k) selection.path[k].standard_error = error_against(k, best);
  if (target.budget) {
    selection.chosen = selection.path.size() - 1;
  } else if (!target.lambda) {
    for (std::size_t k = 0; k < selection.path.size(); ++k) {
      const TreeSelectionStep& step = selection.path[k];
      if (step.out_of_fold_loss <= selection.path[best].out_of_fold_loss + step.standard_error) selection.chosen = k;
    }
  }
  return selection;
}

}  // namespace l0::detail
