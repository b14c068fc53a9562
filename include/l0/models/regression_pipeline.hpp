// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/models/least_squares_selection.hpp>
#include <l0/models/linear_model.hpp>
#include <l0/random/rng.hpp>

/// \file
/// From data to a fitted model, the same for every family. A family is a struct with
///
///     select(design, y, weight, options)  → SelectionResult: supports
///     refit(design, y, weight, support, options) → PathPoint: coefficients, intercept, mean loss on the data
///     loss(eta, y) → the loss of one sample at linear predictor eta
///     working(eta, y) → {residual −dloss/dη, curvature d²loss/dη²}
///     deviance(mean_loss, samples) → what criteria compare.

namespace l0::detail {

inline SelectionOptions selection_options(const RegressionOptions& options, bool unknown_variance) {
  SelectionOptions selection;
  selection.score.criterion = options.criterion;
  selection.score.unknown_variance = unknown_variance;
  if (options.lambda_l0) {
    selection.score.kind = SupportScore::Kind::price;
    selection.score.lambda = *options.lambda_l0;
  } else if (options.max_features) {
    selection.score.kind = SupportScore::Kind::exact;
    selection.score.size = *options.max_features;
  }
  selection.rules.keep = options.must_keep;
  selection.rules.non_negative = options.non_negative;
  if (options.max_per_group > 0) {
    selection.rules.group = options.groups;
    selection.rules.most_per_group = options.max_per_group;
  }
  selection.lambda_l2 = options.lambda_l2;
  selection.centre = options.fit_intercept;
  selection.max_size = options.max_size;
  return selection;
}

/// X w + b on the columns of a support.
template <class Design, class Scalar>
Vector<Scalar> linear_predictor(const Design& x, const PathPoint<Scalar>& point) {
  Vector<Scalar> eta = Vector<Scalar>::Constant(x.rows(), point.intercept);
  for (std::size_t i = 0; i < point.support.size(); ++i) {
    x.add_column(point.support[i], point.coefficients(static_cast<Index>(i)), eta);
  }
  return eta;
}

template <class Family, class Scalar>
double mean_loss(const Family& family, const Vector<Scalar>& eta, const Vector<Scalar>& y,
                 const Vector<Scalar>& weight) {
  double total = 0;
  double weights = 0;
  for (Index i = 0; i < eta.size(); ++i) {
    total += static_cast<double>(weight(i)) * family.loss(static_cast<double>(eta(i)), static_cast<double>(y(i)));
    weights += static_cast<double>(weight(i));
  }
  return weights > 0 ? total / weights : 0;
}

/// The supports of a selection as refitted points, size by size; sizes that were not met are left out.
template <class Family, class Design, class Scalar>
std::vector<PathPoint<Scalar>> refit_path(const Family& family, const Design& x, const Vector<Scalar>& y,
                                          const Vector<Scalar>& weight, const SelectionResult& selection,
                                          const SelectionOptions& options) {
  std::vector<PathPoint<Scalar>> path;
  SupportScore score = options.score;
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  score.samples = static_cast<double>(x.rows());
  score.features = static_cast<double>(x.columns());
  for (const FoundSupport& found : selection.by_size) {
    if (!std::isfinite(found.loss)) continue;
    PathPoint<Scalar> point = family.refit(x, y, weight, found.support, options);
    point.criterion = score.of_deviance(family.deviance(point.loss, score.samples), point.size);
    point.cv_loss = std::numeric_limits<double>::quiet_NaN();
    point.lambda = path.empty()
                       ? std::numeric_limits<double>::infinity()
                       : std::max(0.0, (path.back().loss - point.loss) /
                                           static_cast<double>(std::max<Index>(1, point.size - path.back().size)));
    path.push_back(std::move(point));
  }
  return path;
}

/// Which fold each sample belongs to, a permutation drawn from the seed.
inline std::vector<Index> assign_folds(Index samples, Index folds, std::uint64_t seed) {
  std::vector<Index> fold(static_cast<std::size_t>(samples));
  for (std::size_t i = 0; i < fold.size(); ++i) fold[i] = static_cast<Index>(i) % folds;
  Rng rng(seed);
  for (std::size_t i = fold.size(); i > 1; --i) std::swap(fold[i - 1], fold[rng() % i]);  // Fisher & Yates
  return fold;
}

/// Mean held-out loss of every size 0, 1, ... of the path; each fold runs the whole selection on its training part. A
/// size that a fold did not meet counts with that fold's largest below it.
template <class Family, class Design, class Scalar>
std::vector<double> cross_validate(const Family& family, const Design& x, const Vector<Scalar>& y,
                                   const Vector<Scalar>& weight, const SelectionOptions& options, Index folds,
                                   std::uint64_t seed, int threads) {
  const std::vector<Index> fold_of = assign_folds(x.rows(), folds, seed);
  std::vector<std::vector<double>> total(static_cast<std::size_t>(folds));
  std::vector<double> held_weight(static_cast<std::size_t>(folds), 0.0);
  const auto run_fold = [&](Index fold) {
    std::vector<Index> train, held;
    for (Index i = 0; i < x.rows(); ++i) (fold_of[static_cast<std::size_t>(i)] == fold ? held : train).push_back(i);
    const Design train_x = x.rows_at(train);
    const Design held_x = x.rows_at(held);
    const Vector<Scalar> train_y = y(train), held_y = y(held), held_w = weight(held);
    Vector<Scalar> train_w = weight(train);
    train_w *= static_cast<Scalar>(static_cast<double>(train.size()) / static_cast<double>(train_w.sum()));
    const SelectionResult selection = family.select(train_x, train_y, train_w, options);
    auto& totals = total[static_cast<std::size_t>(fold)];
    held_weight[static_cast<std::size_t>(fold)] = static_cast<double>(held_w.sum());
    double last = 0;
    for (const FoundSupport& found : selection.by_size) {
      if (std::isfinite(found.loss)) {
        const PathPoint<Scalar> point = family.refit(train_x, train_y, train_w, found.support, options);
        last = mean_loss(family, linear_predictor(held_x, point), held_y, held_w) *
               held_weight[static_cast<std::size_t>(fold)];
      }
      totals.push_back(last);
    }
  };
  const auto workers = static_cast<Index>(std::min<std::ptrdiff_t>(threads, folds));
  const auto run_share = [&](Index worker) {
    for (Index fold = worker; fold < folds; fold += workers) run_fold(fold);
  };
  std::vector<std::thread> pool;
  for (Index worker = 1; worker < workers; ++worker) pool.emplace_back(run_share, worker);
  run_share(0);
  for (std::thread& thread : pool) thread.join();
  std::size_t sizes = 0;
  for (const auto& totals : total) sizes = std::max(sizes, totals.size());
  std::vector<double> mean(sizes, 0.0);
  const double weights = std::accumulate(held_weight.begin(), held_weight.end(), 0.0);
  for (std::size_t k = 0; k < sizes; ++k) {
    for (const auto& totals : total) mean[k] += totals[std::min(k, totals.size() - 1)] / weights;
  }
  return mean;
}

/// P(open) of every feature's gate given the others, σ((F without − F with)/2), in the quadratic model at the fit.
template <class Family, class Design, class Scalar>
Vector<Scalar> gate_importance(const Family& family, const Design& x, const Vector<Scalar>& y,
                               const Vector<Scalar>& weight, const PathPoint<Scalar>& point,
                               const SelectionOptions& options) {
  using Precise = std::common_type_t<Scalar, double>;
  const auto k = static_cast<Index>(point.support.size());
  const Vector<Scalar> eta = linear_predictor(x, point);
  Vector<Scalar> residual(x.rows());
  Vector<Scalar> curvature(x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    const auto [r, d] = family.working(static_cast<double>(eta(i)), static_cast<double>(y(i)));
    residual(i) = static_cast<Scalar>(r) * weight(i);
    curvature(i) = static_cast<Scalar>(d) * weight(i);
  }
  StandardizedColumns<Design> columns(x);
  columns.set_weights(curvature, options.centre);
  Matrix<Scalar> block;
  columns.weighted_columns(point.support, block);
  const Matrix<Scalar> g = columns.correlate(block);
  Matrix<Precise> gram(k, k);
  for (Index i = 0; i < k; ++i) {
    gram.row(i) = g.row(point.support[static_cast<std::size_t>(i)]).template cast<Precise>();
    gram(i, i) = 1 + 1e-10;
  }
  const Matrix<Precise> h = gram.ldlt().solve(Matrix<Precise>::Identity(k, k));
  const Matrix<Scalar> b = g * h.template cast<Scalar>();
  const Matrix<Scalar> c = columns.correlate(residual);
  SupportScore score = options.score;
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  score.samples = static_cast<double>(x.rows());
  score.features = static_cast<double>(x.columns());
  // In units of the deviance: twice the loss of a likelihood, n log of a residual sum of squares.
  const auto change = [&](double from, double to, Index size_from, Index size_to) {
    const double n = score.samples;
    return score.of_deviance(family.deviance(to / n, n), size_to) -
           score.of_deviance(family.deviance(from / n, n), size_from);
  };
  const double here = point.loss * score.samples;
  Vector<Scalar> importance = Vector<Scalar>::Zero(x.columns());
  for (Index j = 0; j < x.columns(); ++j) {
    const double d = 1 - static_cast<double>(b.row(j).dot(g.row(j)));
    if (!(columns.scale(j) > 0) || !(d > 1e-6)) continue;
    const double gain = Family::loss_per_square * static_cast<double>(c(j, 0)) * static_cast<double>(c(j, 0)) / d;
    const double rise = change(here, std::max(here - gain, score.rounding), k, k + 1);
    importance(j) = static_cast<Scalar>(1 / (1 + std::exp(std::min(rise / 2, 700.0))));
  }
  for (Index i = 0; i < k; ++i) {
    const Index j = point.support[static_cast<std::size_t>(i)];
    const double beta =
        columns.scale(j) > 0 ? static_cast<double>(point.coefficients(i)) / static_cast<double>(columns.scale(j)) : 0;
    const double cost = Family::loss_per_square * beta * beta / h(i, i);
    const double rise = change(here, here + cost, k, k - 1);
    importance(j) = static_cast<Scalar>(1 / (1 + std::exp(-std::min(rise / 2, 700.0))));
  }
  return importance;
}

/// What a fit of one response comes to.
template <class Scalar>
struct SparseFit {
  PathPoint<Scalar> point;
  Vector<Scalar> importance;
  RegressionReport report;
};

/// Selects, chooses the size and refits.
template <class Family, class Design, class Scalar>
SparseFit<Scalar> fit_sparse(const Family& family, const Design& x, const Vector<Scalar>& y,
                             const Vector<Scalar>& weight, const RegressionOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const SelectionOptions selection_settings = selection_options(options, Family::unknown_variance);
  const SelectionResult selection = family.select(x, y, weight, selection_settings);
  SparseFit<Scalar> fit;
  std::vector<Index> support = selection.best.support;
  const bool choose_by_folds = options.folds >= 2 && !options.lambda_l0 && !options.max_features;
  if (choose_by_folds) {
    if (options.folds > x.rows())
      fail("folds", to_text(options.folds), "at most the " + to_text(x.rows()) + " samples");
    const auto held =
        cross_validate(family, x, y, weight, selection_settings, options.folds, options.seed, options.threads);
    std::size_t best = 0;
    for (std::size_t k = 0; k < std::min(held.size(), selection.by_size.size()); ++k) {
      if (std::isfinite(selection.by_size[k].loss) && held[k] < held[best]) best = k;
    }
    support = selection.by_size[best].support;
  }
  fit.point = family.refit(x, y, weight, support, selection_settings);
  SupportScore score = selection_settings.score;
  score.kind = SupportScore::Kind::criterion;
  score.samples = static_cast<double>(x.rows());
  score.features = static_cast<double>(x.columns());
  fit.point.criterion = score.of_deviance(family.deviance(fit.point.loss, score.samples), fit.point.size);
  fit.importance = gate_importance(family, x, y, weight, fit.point, selection_settings);
  RegressionReport& report = fit.report;
  report.size = fit.point.size;
  report.loss = fit.point.loss;
  report.criterion = fit.point.criterion;
  report.lambda = options.lambda_l0.value_or(0);
  if (!options.lambda_l0 && fit.point.size > 0) {
    const FoundSupport* smaller = nullptr;
    for (Index k = 0; k < fit.point.size && k < static_cast<Index>(selection.by_size.size()); ++k) {
      if (std::isfinite(selection.by_size[static_cast<std::size_t>(k)].loss))
        smaller = &selection.by_size[static_cast<std::size_t>(k)];
    }
    if (smaller != nullptr) {
      report.lambda =
          std::max(0.0, family.refit(x, y, weight, smaller->support, selection_settings).loss - fit.point.loss) /
          static_cast<double>(fit.point.size - static_cast<Index>(smaller->support.size()));
    }
  }
  if (options.max_features && fit.point.size < *options.max_features) {
    report.notes.push_back(to_text(fit.point.size) +
                           " features suffice: no independent one is left to reach the budget of " +
                           to_text(*options.max_features));
  }
  StandardizedColumns<Design> columns(x);
  columns.set_weights(weight, true);
  Index constant = 0;
  for (Index j = 0; j < x.columns(); ++j) constant += columns.scale(j) > 0 ? 0 : 1;
  if (constant > 0) report.notes.push_back(to_text(constant) + " constant columns were left out");
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return fit;
}

}  // namespace l0::detail
