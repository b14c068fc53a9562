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
  OutOfFold(const RankedSamples<Scalar>& data, const BoostingPlan& plan, Index folds)
      : data_(&data), plan_(plan), samples_(static_cast<double>(data.weight.sum())) {
    std::vector<Index> fold_of = data.fold;
    if (fold_of.empty()) {
      fold_of = drawn_folds(folds);
    } else {
      folds = *std::max_element(fold_of.begin(), fold_of.end()) + 1;
    }
    for (Index f = 0; f < folds; ++f) {
      Fold fold;
      for (Index i = 0; i < data.samples(); ++i) {
        (fold_of[static_cast<std::size_t>(i)] == f ? fold.held : fold.rows).push_back(i);
      }
      if (fold.held.empty() || fold.rows.empty()) continue;  // a number that the user left out
      fold.ranks = data.rank_of(fold.held);
      fold.y = data.y(fold.held);
      fold.weight = data.weight(fold.held);
      fold.offset = data.constant(0)(fold.held);
      folds_.push_back(std::move(fold));
    }
  }

  /// Grows the ensembles of one set of features and judges it; `loss` gets the loss of every sample, `worth_error` the
  /// standard error of what each feature is worth.
  TreeSelectionStep judge(const std::vector<Index>& features, Workers& workers, Vector<Double<Scalar>>& loss,
                          std::vector<double>& worth_error) {
    workers.run(static_cast<Index>(folds_.size()),
                [&](Index f) { grow(folds_[static_cast<std::size_t>(f)], features); });
    Dependent<TreeSelectionStep, Scalar> step;
    step.features = features;
    step.staged.assign(static_cast<std::size_t>(plan_.trees) + 1, 0.0);
    for (const Fold& fold : folds_) {
      for (std::size_t t = 0; t < step.staged.size(); ++t) {
        step.staged[t] += fold.staged[std::min(t, fold.staged.size() - 1)] / samples_;
      }
    }
    const auto best = std::min_element(step.staged.begin(), step.staged.end());
    step.out_of_fold_loss = *best;
    step.trees = static_cast<Index>(best - step.staged.begin());
    step.worth.assign(features.size(), 0.0);
    worth_error.assign(features.size(), 0.0);
    workers.run(static_cast<Index>(folds_.size()),
                [&](Index f) { close_gates(folds_[static_cast<std::size_t>(f)], features, step.trees); });
    loss.setZero(data_->samples());
    for (const Fold& fold : folds_) {
      for (std::size_t k = 0; k < features.size(); ++k) {
        step.worth[k] += fold.worth[k] / samples_;
        worth_error[k] += fold.worth_squares[k] / samples_;
      }
      for (std::size_t i = 0; i < fold.held.size(); ++i) loss(fold.held[i]) = fold.loss(static_cast<Index>(i));
    }
    for (std::size_t k = 0; k < features.size(); ++k) {
      worth_error[k] = std::sqrt(std::max(0.0, worth_error[k] - step.worth[k] * step.worth[k]) / samples_);
    }
    return step;
  }

 private:
  struct Fold {
    std::vector<Index> rows;
    std::vector<Index> held;
    Matrix<Scalar> ranks;  // of the held samples
    Vector<Scalar> y;
    Vector<Scalar> weight;
    Vector<Scalar> offset;
    TreeEnsemble<Scalar> ensemble;
    std::vector<double> staged;         // sums over the held samples
    std::vector<double> worth;          // sums of the rises of the loss, sample by sample,
    std::vector<double> worth_squares;  // and of their squares
    Vector<Double<Scalar>> loss;
  };

  /// The folds of the samples: labels in equal shares.
  std::vector<Index> drawn_folds(Index folds) const {
    std::vector<Dependent<Index, Scalar>> order(static_cast<std::size_t>(data_->samples()));
    std::iota(order.begin(), order.end(), Index{0});
    Rng rng(plan_.seed);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(rng() % i)]);
    if (plan_.loss.loss == TreeLoss::logistic) {
      sort_stably(order, [&](Index a, Index b) { return data_->y(a) < data_->y(b); });
    }
    std::vector<Index> fold_of(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      fold_of[static_cast<std::size_t>(order[i])] = static_cast<Index>(i) % folds;
    }
    return fold_of;
  }

  double total(const Vector<Scalar>& eta, const Fold& fold) const {
    return plan_.loss.mean(eta, fold.y, fold.weight) * static_cast<double>(fold.weight.sum());
  }

  void grow(Fold& fold, const std::vector<Index>& features) const {
    fold.staged.clear();
    std::size_t best = 0;
    Vector<Scalar> eta;
    fold.ensemble = boost<Scalar>(
        *data_, fold.rows, features, plan_,
        [&](double base) {
          eta = fold.offset.array() + static_cast<Scalar>(base);
          fold.staged.push_back(total(eta, fold));
        },
        [&](Index, const ObliviousTree<Scalar>& tree) {
          add_tree(tree, fold.ranks, eta);
          fold.staged.push_back(total(eta, fold));
          if (fold.staged.back() < fold.staged[best]) best = fold.staged.size() - 1;
          return fold.staged.size() - 1 - best < static_cast<std::size_t>(plan_.patience);
        });
  }

  void close_gates(Fold& fold, const std::vector<Index>& features, Index trees) const {
    auto& grown = fold.ensemble.trees;
    grown.resize(std::min(grown.size(), static_cast<std::size_t>(trees)));
    const Vector<Scalar> eta =
        (fold.ensemble.evaluate(fold.ranks) + fold.offset).array() + static_cast<Scalar>(fold.ensemble.base);
    fold.loss.resize(eta.size());
    for (Index i = 0; i < eta.size(); ++i) {
      fold.loss(i) = plan_.loss.value(static_cast<double>(eta(i)), static_cast<double>(fold.y(i)));
    }
    fold.worth.assign(features.size(), 0.0);
    fold.worth_squares.assign(features.size(), 0.0);
    for (std::size_t k = 0; k < features.size(); ++k) {
      if (!fold.ensemble.uses(features[k])) continue;
      const Vector<Scalar> closed = fold.ensemble.with_closed(features[k], fold.ranks, eta);
      for (Index i = 0; i < eta.size(); ++i) {
        const auto w = static_cast<double>(fold.weight(i));
        const double rise =
            plan_.loss.value(static_cast<double>(closed(i)), static_cast<double>(fold.y(i))) - fold.loss(i);
        fold.worth[k] += w * rise;
        fold.worth_squares[k] += w * rise * rise;
      }
    }
  }

  const RankedSamples<Scalar>* data_;
  BoostingPlan plan_;
  double samples_;
  std::vector<Fold> folds_;
};

/// The share of what the best set explains that fewer features may leave unexplained: two ensembles of the same
/// features differ by so much as soon as a split falls otherwise, however many samples there are.
inline constexpr double negligible = 0.005;

/// What a selection went through, and which of its sets it takes.
struct TreeSelection {
  std::vector<TreeSelectionStep> path;
  std::size_t chosen = 0;
};

/// Backward elimination by gates: each round grows ensembles on the features that are left, and closes all gates whose
/// closing does not raise the loss on unseen samples beyond its standard error; if there are none, the one that raises
/// it least. Where the next round finds more lost than may be, half as many are closed. By price the set with the least
/// loss + λ·size is taken, by budget the set of that size, else the smallest set whose loss is within one standard
/// error and `negligible` of the least. Reports the gates closed after every round to `run`, which may end it.
template <class Scalar>
TreeSelection select_tree_features(const RankedSamples<Scalar>& data, BoostingPlan plan, std::vector<Index> features,
                                   const TreeSelectionTarget& target, FitRun& run) {
  Workers workers(target.threads);
  OutOfFold<Scalar> judge(data, plan, target.folds);
  Dependent<TreeSelection, Scalar> selection;
  const Vector<Double<Scalar>> weight = data.weight.template cast<Double<Scalar>>();
  std::vector<Vector<Double<Scalar>>> losses;
  std::vector<std::vector<Double<Scalar>>> worth_errors;
  std::size_t best = 0;
  const double price = target.lambda.value_or(0.0);
  const auto objective = [&](std::size_t k) {
    return selection.path[k].out_of_fold_loss + price * static_cast<double>(selection.path[k].features.size());
  };
  const auto error_against = [&](std::size_t k, std::size_t l) {
    const Vector<Double<Scalar>> difference = losses[k] - losses[l];
    const double mean = difference.dot(weight) / weight.sum();
    return std::sqrt((difference.array() - mean).square().matrix().dot(weight)) / weight.sum();
  };
  // What k may lose against l: see the end.
  const auto band = [&](std::size_t k, std::size_t l) {
    const TreeSelectionStep& step = selection.path[l];
    return error_against(k, l) + negligible * std::max(0.0, step.staged.front() - step.out_of_fold_loss);
  };
  const auto least = static_cast<std::size_t>(target.budget.value_or(0));
  const std::size_t all = features.size();
  std::size_t from = 0;   // the set that gates were closed of last,
  std::size_t close = 0;  // and how many
  while (true) {
    losses.emplace_back();
    worth_errors.emplace_back();
    selection.path.push_back(judge.judge(features, workers, losses.back(), worth_errors.back()));
    const std::size_t now = selection.path.size() - 1;
    const bool lost = close > 1 && !run.stopped() && objective(now) > objective(from) + band(now, from);
    if (objective(now) <= objective(best)) best = now;
    const double rise = selection.path[now].out_of_fold_loss - objective(best);
    const bool done = !lost && (features.size() <= least ||
                                // Fewer would only be worse.
                                (!target.budget && rise > std::max(3 * error_against(now, best), band(now, best))));
    StepReport report{.step = static_cast<Index>(all - features.size()), .stage = "features"};
    report.steps = done ? report.step : static_cast<Index>(all - least);
    report.loss = selection.path[now].out_of_fold_loss;
    report.expected_l0 = static_cast<double>(features.size());
    report.lambda = price;
    report.objective = report.loss + price * report.expected_l0;
    const bool proceeds = run.proceeds(report);
    if (done || (!proceeds && !target.budget)) break;
    // The gates that close.
    if (!lost) from = now;
    const std::vector<double>& worth = selection.path[from].worth;
    const std::vector<double>& error = worth_errors[from];
    std::vector<Dependent<std::size_t, Scalar>> order(worth.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    sort_stably(order, [&](std::size_t a, std::size_t b) { return worth[a] < worth[b]; });
    if (lost) {
      close = (close + 1) / 2;
    } else {
      close = 0;
      for (std::size_t k = 0; k < worth.size(); ++k) close += worth[k] <= error[k] ? 1U : 0U;
      close = std::max<std::size_t>(1, close);
    }
    if (run.stopped()) close = worth.size();  // down to the budget at once
    close = std::min(close, worth.size() - least);
    std::vector<Dependent<Index, Scalar>> left;
    for (std::size_t k = close; k < order.size(); ++k) left.push_back(selection.path[from].features[order[k]]);
    std::sort(left.begin(), left.end());
    features = std::move(left);
  }
  selection.chosen = best;
  for (std::size_t k = 0; k < selection.path.size(); ++k) selection.path[k].standard_error = error_against(k, best);
  if (target.budget) {
    selection.chosen = selection.path.size() - 1;
  } else if (!target.lambda) {
    const TreeSelectionStep& whole = selection.path.front();
    const double margin = negligible * std::max(0.0, whole.staged.front() - whole.out_of_fold_loss);
    const auto is_no_worse = [&](std::size_t k) {
      return selection.path[k].out_of_fold_loss + error_against(k, 0) <= whole.out_of_fold_loss + margin;
    };
    selection.chosen = 0;
    for (std::size_t k = 0; k < selection.path.size(); ++k) {
      const TreeSelectionStep& step = selection.path[k];
      if (step.features.size() < selection.path[selection.chosen].features.size() &&
          step.out_of_fold_loss <= selection.path[best].out_of_fold_loss + band(k, best) && is_no_worse(k)) {
        selection.chosen = k;
      }
    }
  }
  return selection;
}

}  // namespace l0::detail
