// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/types.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// What `Aim::prediction` fits: one vector of coefficients, the average of those of models of all sizes under several
/// ridges. Weights are exponential in the loss on held-out folds, w ∝ π exp(−loss/(2 nats)): a temperature of two units
/// of log likelihood, 4σ²/n for squares, is the one with the sharp bounds of Leung & Barron (IEEE Trans. Inf. Theory
/// 52, 2006) and Dalalyan & Tsybakov (Machine Learning 72, 2008). Sizes and ridges beside each other are Breiman's
/// (Machine Learning 24, 1996). Nothing is left to tune, and no weight jumps where a loss moves a little.

namespace l0::detail {

/// One of the models that are averaged: the best support of a size, or all columns, under a ridge.
struct AveragedModel {
  static constexpr Index everything = -1;

  Index size = 0;  ///< in units, or `everything`
  double ridge = 0;
  double prior = 1;
};

/// Constants of the average; what each of them changes is in docs/regression-benchmarks.md.
struct AverageRules {
  static constexpr Index folds = 10;
  static constexpr double searched_ridge = 1e-2;  ///< supports are found under it: labels that are separated have paths
  static constexpr double prior_everything = 0.75;  ///< of the models of all columns, where max_size lets them in
  static constexpr int ridges = 5;                  ///< of each size
  static constexpr int ridges_of_everything = 9;    ///< of the model of all columns
  static constexpr double most_ridge = 3;           ///< of all columns; of the others 1
  static constexpr double least_ridge = 0.1;        ///< over n: a prior of deviation 2 on coefficients
  static constexpr double nats = 2;                 ///< the temperature
  static constexpr double least_weight = 1e-3;      ///< lighter models are left out
};

/// The supports by size of one selection, as an average asks for them.
template <class Precise>
class AveragedSupports {
 public:
  AveragedSupports(const Response<Precise>& response, const Design<Precise>& x, SelectionOptions options) {
    options.lambda_l2 = AverageRules::searched_ridge;
    options.score.criterion = Criterion::aic;  // far enough: where the path ends is not where the weights are
    found_ = response.select(x, options);
    for (Index j = 0; j < x.columns(); ++j) {
      if (x.unit(j) > 0) all_.support.push_back(j);
    }
    all_units_ = static_cast<Index>(options.rules.units.units_of(all_.support).size());
  }

  /// The support of a size; of the largest below that was met, where it was not.
  const FoundSupport& of(Index size) const {
    if (size == AveragedModel::everything) return all_;
    const FoundSupport* last = &none_;
    for (std::size_t k = 0; k < found_.by_size.size() && static_cast<Index>(k) <= size; ++k) {
      if (std::isfinite(found_.by_size[k].loss)) last = &found_.by_size[k];
    }
    return *last;
  }

  /// The models to average: every size up to 10, about ten per e-fold beyond; all columns where `max_size` lets them
  /// in. Ridges go in even ratios from what hardly matters to n samples up to where hardly anything is left.
  std::vector<Dependent<AveragedModel, Precise>> models(Index max_size, double samples, bool is_likelihood) const {
    const double least = std::min(AverageRules::least_ridge / samples, 1e-3);
    const auto ridge_at = [&](double most, int place, int places) {
      return least * std::pow(most / least, static_cast<double>(place) / (places - 1));
    };
    std::vector<Dependent<AveragedModel, Precise>> result;
    const bool has_all = !all_.support.empty() && all_units_ <= max_size;
    for (int place = 0; place < AverageRules::ridges; ++place) {
      // Squares have their best without a ridge where there is hardly noise; separated labels have no fit then.
      const double ridge = place == 0 && !is_likelihood ? 0.0 : ridge_at(1, place, AverageRules::ridges);
      const auto sizes = static_cast<Index>(found_.by_size.size());
      for (Index size = 0; size < sizes; size = std::max(size + 1, size * 11 / 10)) {
        const FoundSupport& found = found_.by_size[static_cast<std::size_t>(size)];
        if (!std::isfinite(found.loss) || (found.support.empty() && place > 0)) continue;
        if (!has_all || found.support.size() < all_.support.size()) result.push_back({size, ridge});
      }
    }
    if (!has_all) return result;
    const double others = std::max(static_cast<double>(result.size()), 1.0);
    const double mass = AverageRules::prior_everything / (1 - AverageRules::prior_everything) * others;
    for (int place = 0; place < AverageRules::ridges_of_everything; ++place) {
      const double ridge = ridge_at(AverageRules::most_ridge, place, AverageRules::ridges_of_everything);
      result.push_back({AveragedModel::everything, ridge, mass / AverageRules::ridges_of_everything});
    }
    return result;
  }

 private:
  SelectionResult found_;
  FoundSupport all_, none_;
  Index all_units_ = 0;
};

/// Σ over the held-out samples of their losses, for every model; what they are worth in the last place.
template <class Precise>
std::vector<Precise> held_out_losses(const Response<Precise>& response, const Design<Precise>& x,
                                     const std::vector<Dependent<AveragedModel, Precise>>& models,
                                     SelectionOptions options, const Folds& folds, Index fold) {
  std::vector<Index> train, held;
  for (Index i = 0; i < x.rows(); ++i) (folds.of[static_cast<std::size_t>(i)] == fold ? held : train).push_back(i);
  const auto train_x = x.rows_at(train);
  const auto held_x = x.rows_at(held);
  const auto train_y = response.rows_at(train);
  const auto held_y = response.rows_at(held);
  const Precise worth = held_y->samples();
  const AveragedSupports<Precise> supports(*train_y, *train_x, options);
  std::vector<Precise> losses;
  for (std::size_t first = 0; first < models.size(); first = losses.size()) {
    // Those of one ridge together; beyond the largest size that this fold met all are that one.
    std::vector<Dependent<FoundSupport, Precise>> wanted;
    std::vector<std::size_t> place;
    const FoundSupport* last = nullptr;
    for (std::size_t m = first; m < models.size() && models[m].ridge == models[first].ridge; ++m) {
      const FoundSupport& support = supports.of(models[m].size);
      if (&support != last) wanted.push_back(support);
      last = &support;
      place.push_back(wanted.size() - 1);
    }
    options.lambda_l2 = models[first].ridge;
    std::vector<Precise> found;
    for (const FitPoint<Precise>& point : train_y->refit_all(*train_x, wanted, options))
      found.push_back(held_y->mean_loss(linear_predictor(*held_x, point)) * worth);
    for (const std::size_t p : place) losses.push_back(found[p]);
  }
  losses.push_back(worth);
  return losses;
}

/// Weights of models by their mean held-out losses. `unit` is a nat in units of the mean loss.
template <class Precise>
std::vector<Precise> weights_of(const std::vector<Dependent<AveragedModel, Precise>>& models,
                                const std::vector<Precise>& losses, Precise unit) {
  std::vector<Precise> weights;
  const Precise least = *std::min_element(losses.begin(), losses.end());
  Precise total = 0;
  for (std::size_t m = 0; m < models.size(); ++m) {
    weights.push_back(models[m].prior * std::exp(-(losses[m] - least) / (AverageRules::nats * unit)));
    total += weights[m];
  }
  for (Precise& weight : weights) weight = weight < AverageRules::least_weight * total ? Precise(0) : weight;
  return weights;
}

/// The average, and the mean of the ridges by the same weights.
template <class Precise>
struct ModelAverage {
  FitPoint<Precise> point;
  Vector<Precise> importance;  ///< of each column: the weight of the models that have it
  double mean_ridge = 0;
  bool complete = false;  ///< all folds were run
};

/// Averages models, as the head of the file says. Reports every fold; where the callback asks to stop before the last,
/// the result is not `complete`.
template <class Precise>
ModelAverage<Precise> average_models(const Response<Precise>& response, const Design<Precise>& x,
                                     SelectionOptions options, const Folds& folds, int threads) {
  ModelAverage<Precise> result;
  FitRun* const run = options.run;
  const AveragedSupports<Precise> supports(response, x, options);
  if (run->stopped()) return result;
  std::vector<Dependent<AveragedModel, Precise>> models =
      supports.models(options.max_size, response.samples(), response.likelihood() != nullptr);
  const auto fit = [&](const AveragedModel& model) {
    options.lambda_l2 = model.ridge;
    return response.refit(x, supports.of(model.size).support, options);
  };
  if (options.rules.non_negative) {
    // A support without negative coefficients under the ridge of the search may have some under another.
    const Index smallest = models.front().size;
    std::erase_if(models, [&](const AveragedModel& m) { return (fit(m).coefficients.array() < 0).any(); });
    if (models.empty()) models.push_back({smallest, AverageRules::searched_ridge});
  }
  SelectionOptions inner = options;
  inner.start.clear();  // what a fit of all samples chose knows the held-out ones
  inner.polish = false;
  inner.run = nullptr;  // folds report as wholes
  std::vector<std::vector<Precise>> held(static_cast<std::size_t>(folds.count));
  const auto workers = static_cast<Index>(std::min<std::ptrdiff_t>(threads, folds.count));
  std::vector<Dependent<std::exception_ptr, Precise>> failed(static_cast<std::size_t>(workers));
  Index done = 0;
  const auto run_share = [&](Index worker) {
    keep_failure(failed[static_cast<std::size_t>(worker)], [&] {
      for (Index fold = worker; fold < folds.count && !run->stopped(); fold += workers) {
        auto& losses = held[static_cast<std::size_t>(fold)];
        losses = held_out_losses(response, x, models, inner, folds, fold);
        const auto best = std::min_element(losses.begin(), losses.end() - 1);
        StepReport report{.steps = folds.count, .stage = "folds"};
        if (losses.back() > 0) report.loss = *best * response.loss_unit() / losses.back();
        report.objective = report.loss;
        const Index size = models[static_cast<std::size_t>(best - losses.begin())].size;
        report.expected_l0 = static_cast<double>(options.rules.units.units_of(supports.of(size).support).size());
        run->proceeds(report, &done);
      }
    });
  };
  Workers(static_cast<int>(workers)).run(workers, run_share);
  for (const std::exception_ptr& failure : failed) {
    if (failure) std::rethrow_exception(failure);
  }
  std::vector<Precise> losses(models.size(), 0);
  const Precise worth = response.samples();
  for (const auto& of_fold : held) {
    if (of_fold.empty()) return result;
    for (std::size_t m = 0; m < models.size(); ++m) losses[m] += of_fold[m] / worth;
  }
  // A nat of n samples of a known deviance, or of squares whose variance is that of the best model.
  Precise nat = 1 / worth;
  if (response.unknown_variance()) {
    const Precise least = *std::min_element(losses.begin(), losses.end());
    nat = 2 * std::max(least, Precise(1e-20)) / (worth * static_cast<Precise>(response.predictors()));
  }
  const std::vector<Precise> weights = weights_of(models, losses, nat);
  const Index m = response.predictors();
  Matrix<Precise> coefficients = Matrix<Precise>::Zero(x.columns(), m);
  RowVector<Precise> intercept = RowVector<Precise>::Zero(m);
  result.importance = Vector<Precise>::Zero(x.columns());
  Precise total = 0;
  const auto add = [&](const FitPoint<Precise>& point, const AveragedModel& model, Precise weight) {
    total += weight;
    intercept += weight * point.intercept;
    result.mean_ridge += weight * model.ridge;
    for (std::size_t i = 0; i < point.support.size(); ++i) {
      coefficients.row(point.support[i]) += weight * point.coefficients.row(static_cast<Index>(i));
      result.importance(point.support[i]) += weight;
    }
  };
  for (std::size_t k = 0; k < models.size(); ++k) {
    if (weights[k] > 0) add(fit(models[k]), models[k], weights[k]);
  }
  FitPoint<Precise>& point = result.point;
  for (Index j = 0; j < x.columns(); ++j) {
    if (result.importance(j) > 0) point.support.push_back(j);
  }
  point.coefficients = rows_of(coefficients, point.support) / total;
  point.intercept = intercept / total;
  result.importance /= total;
  result.mean_ridge /= total;
  point.loss = response.mean_loss(linear_predictor(x, point));
  result.complete = true;
  return result;
}

}  // namespace l0::detail
