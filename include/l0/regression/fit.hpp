// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/sampled_gates.hpp>
#include <l0/regression/search/screening.hpp>

/// \file
/// From data to a fitted model, the same for every family. A family is an object with
///
///     responses, target_columns: columns of the coefficients and of y, 1 or Eigen::Dynamic
///     select(design, y, weight, options)  → SelectionResult: supports of columns
///     refit(design, y, weight, support, options) → PathPoint: coefficients, intercept, mean loss on the data
///     loss(eta row, y row) → the loss of one sample at its linear predictors
///     free_responses(y) → free coefficients per column
///     criterion(score, mean loss, size) → the criterion
///     with_expansion(design, y, weight, point, options, use) → use(least-squares problem, ridge, judge) around a fit.

namespace l0::detail {

template <std::same_as<RegressionOptions> Options>  // a template, so that it is compiled where it is used
SelectionOptions selection_options(const Options& options, bool unknown_variance,
                                   const std::vector<Dependent<Index, Options>>& start = {}) {
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
  selection.rules.non_negative = options.non_negative;
  if (options.max_per_group > 0) {
    selection.rules.group = options.groups;
    selection.rules.most_per_group = options.max_per_group;
  } else if (!options.groups.empty()) {
    selection.rules.units = SelectionUnits(options.groups);
  }
  selection.rules.keep = selection.rules.units.units_of(options.must_keep);
  selection.start = selection.rules.units.units_of(start);
  selection.lambda_l2 = options.lambda_l2;
  selection.centre = options.fit_intercept;
  selection.max_size = options.max_size;
  return selection;
}

/// X W + b on the columns of a support.
template <class Design, class Scalar, int Responses>
Eigen::Matrix<Scalar, Eigen::Dynamic, Responses> linear_predictor(const Design& x,
                                                                  const PathPoint<Scalar, Responses>& point) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Responses> eta(x.rows(), point.coefficients.cols());
  for (Index m = 0; m < eta.cols(); ++m) {
    if constexpr (Responses == 1) {
      eta.setConstant(point.intercept);
    } else {
      eta.col(m).setConstant(point.intercept(m));
    }
    for (std::size_t i = 0; i < point.support.size(); ++i) {
      x.add_column(point.support[i], point.coefficients(static_cast<Index>(i), m), eta.col(m));
    }
  }
  return eta;
}

template <class Family, class Eta, class Y, class Scalar>
double mean_loss(const Family& family, const Eta& eta, const Y& y, const Vector<Scalar>& weight) {
  double total = 0;
  double weights = 0;
  for (Index i = 0; i < eta.rows(); ++i) {
    total += static_cast<double>(weight(i)) * family.loss(eta.row(i), y.row(i));
    weights += static_cast<double>(weight(i));
  }
  return weights > 0 ? total / weights : 0;
}

/// The score by criterion, whatever the search went by.
template <class Family, class Design, class Y>
SupportScore criterion_score(const Family& family, const Design& x, const Y& y, const SelectionOptions& options) {
  SupportScore score = complete_score(options, x.rows(), x.columns(), family.free_responses(y));
  score.kind = SupportScore::Kind::criterion;
  score.limit = std::numeric_limits<Index>::max();
  return score;
}

/// Refits a support and completes the point; `score` is that of `criterion_score`.
template <class Family, class Design, class Y, class Scalar>
auto refit_point(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                 std::vector<Index> support, const SelectionOptions& options, const SupportScore& score) {
  std::sort(support.begin(), support.end());
  auto point = family.refit(x, y, weight, std::move(support), options);
  const std::vector<Index> units = options.rules.units.units_of(point.support);
  point.size = static_cast<Index>(units.size());
  point.criterion = family.criterion(score, point.loss, options.rules.units.size_of(units));
  point.cv_loss = std::numeric_limits<double>::quiet_NaN();
  return point;
}

/// The supports of a selection as refitted points, size by size; sizes that were not met are left out.
template <class Family, class Design, class Y, class Scalar>
auto refit_path(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                const SelectionResult& selection, const SelectionOptions& options) {
  std::vector<PathPoint<Scalar, Family::responses>> path;
  const SupportScore score = criterion_score(family, x, y, options);
  for (const FoundSupport& found : selection.by_size) {
    if (!std::isfinite(found.loss)) continue;
    auto point = refit_point(family, x, y, weight, found.support, options, score);
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
/// size that a fold did not meet counts with that fold's largest below it. Reports every fold as one more of `done` of
/// `all`; where the callback asks to stop before the last, nothing is returned.
template <class Family, class Design, class Y, class Scalar>
std::vector<double> cross_validate(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                                   SelectionOptions options, Index folds, std::uint64_t seed, int threads, Index& done,
                                   Index all) {
  if (folds > x.rows()) fail("folds", to_text(folds), "at most the " + to_text(x.rows()) + " samples");
  options.start.clear();                                    // what a fit of all samples chose knows the held-out ones
  FitRun* const run = std::exchange(options.run, nullptr);  // folds report as wholes
  const std::vector<Index> fold_of = assign_folds(x.rows(), folds, seed);
  std::vector<std::vector<Double<Scalar>>> total(static_cast<std::size_t>(folds));
  std::vector<Double<Scalar>> held_weight(static_cast<std::size_t>(folds), 0.0);
  const auto run_fold = [&](Index fold) {
    if (run != nullptr && run->stopped()) return;
    std::vector<Index> train, held;
    for (Index i = 0; i < x.rows(); ++i) (fold_of[static_cast<std::size_t>(i)] == fold ? held : train).push_back(i);
    const Design train_x = x.rows_at(train);
    const Design held_x = x.rows_at(held);
    const Y train_y = rows_of(y, train), held_y = rows_of(y, held);
    Vector<Scalar> train_w = rows_of(weight, train);
    const Vector<Scalar> held_w = rows_of(weight, held);
    auto& totals = total[static_cast<std::size_t>(fold)];
    held_weight[static_cast<std::size_t>(fold)] = static_cast<double>(held_w.sum());
    const auto training = static_cast<double>(train_w.sum());
    if (!(training > 0)) train_w.setOnes();
    train_w *= static_cast<Scalar>(static_cast<double>(train.size()) / static_cast<double>(train_w.sum()));
    const SelectionResult selection = family.select(train_x, train_y, train_w, options);
    double last = 0;
    for (const FoundSupport& found : selection.by_size) {
      if (std::isfinite(found.loss)) {
        const auto point = family.refit(train_x, train_y, train_w, found.support, options);
        last = mean_loss(family, linear_predictor(held_x, point), held_y, held_w) *
               held_weight[static_cast<std::size_t>(fold)];
      }
      totals.push_back(last);
    }
    if (run == nullptr) return;
    const auto best = std::min_element(totals.begin(), totals.end());
    StepReport report{.steps = all, .stage = "folds"};
    if (*best > 0) report.loss = *best / held_weight[static_cast<std::size_t>(fold)];
    report.objective = report.loss;
    report.expected_l0 = static_cast<double>(best - totals.begin());
    run->proceeds(report, &done);
  };
  const auto workers = static_cast<Index>(std::min<std::ptrdiff_t>(threads, folds));
  std::vector<Dependent<std::exception_ptr, Scalar>> failed(static_cast<std::size_t>(workers));
  const auto run_share = [&](Index worker) {
    try {
      for (Index fold = worker; fold < folds; fold += workers) run_fold(fold);
    } catch (...) {
      failed[static_cast<std::size_t>(worker)] = std::current_exception();
    }
  };
  Workers(static_cast<int>(workers)).run(workers, run_share);
  for (const std::exception_ptr& failure : failed) {
    if (failure) std::rethrow_exception(failure);
  }
  if (std::any_of(total.begin(), total.end(), [](const auto& totals) { return totals.empty(); })) return {};
  std::size_t sizes = 0;
  for (const auto& totals : total) sizes = std::max(sizes, totals.size());
  std::vector<Double<Scalar>> mean(sizes, 0.0);
  const double weights = std::accumulate(held_weight.begin(), held_weight.end(), 0.0);
  for (std::size_t k = 0; k < sizes; ++k) {
    for (const auto& totals : total) mean[k] += totals[std::min(k, totals.size() - 1)] / weights;
  }
  return mean;
}

/// The support of a selection that the criterion prefers, whatever the search went by.
template <class Family, class Design, class Y, class Scalar>
std::vector<Index> support_by_criterion(const Family& family, const Design& x, const Y& y, const Vector<Scalar>& weight,
                                        const SelectionResult& selection, const SelectionOptions& options) {
  const auto path = refit_path(family, x, y, weight, selection, options);
  const auto best = std::min_element(path.begin(), path.end(),
                                     [](const auto& a, const auto& b) { return a.criterion < b.criterion; });
  return best == path.end() ? selection.best.support : best->support;
}

/// σ of half of what the criterion loses.
inline double gate_probability(double rise) { return 1 / (1 + std::exp(-std::clamp(rise / 2, -700.0, 700.0))); }

/// P(open) of every column's gate given the others, σ((F without − F with)/2), in a least-squares problem on a support;
/// `judge(score, squares, size)` is F.
template <class Scalar, class Design, class Judge>
Vector<Scalar> importance_of(const LeastSquaresProblem<Design>& problem, double ridge, const SelectionOptions& options,
                             const SupportScore& score, const std::vector<Index>& support, Judge judge) {
  Vector<Scalar> importance = Vector<Scalar>::Zero(problem.columns.columns());
  const auto of = [&](double change) { return static_cast<Scalar>(gate_probability(change)); };
  if (!options.rules.units.trivial()) {
    SupportRules rules;
    rules.units = options.rules.units;
    GramRows<Design> gram(problem.columns, ridge);
    SubsetState<Design> state(gram, rules);
    const std::vector<Index> units = rules.units.units_of(support);
    state.reset(problem.correlation, problem.squares, rules.units.widest(static_cast<Index>(units.size()) + 1));
    state.set(units);
    const double here = judge(score, state.loss(), state.extent());
    const auto write = [&](Index unit, Scalar value) {
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
  const NeighbourScan<Design> scan(problem, ridge, support);
  const auto k = static_cast<Index>(support.size());
  const double here = judge(score, scan.loss, SupportSize{k, k});
  scan.each_chunk([&](Index first, const auto&, const auto& c, const auto& d) {
    for (Index l = 0; l < d.size(); ++l) {
      if (!(d(l) > NeighbourScan<Design>::spanned)) continue;
      const double gain = static_cast<double>(c.row(l).squaredNorm()) / static_cast<double>(d(l));
      importance(first + l) =
          of(here - judge(score, std::max(scan.loss - gain, score.rounding), SupportSize{k + 1, k + 1}));
    }
  });
  for (Index i = 0; i < k; ++i) {
    const double cost = static_cast<double>(scan.beta.row(i).squaredNorm() / scan.inverse(i, i));
    importance(support[static_cast<std::size_t>(i)]) =
        of(judge(score, scan.loss + cost, SupportSize{k - 1, k - 1}) - here);
  }
  return importance;
}

/// What a fit comes to.
template <class Scalar, int Responses>
struct SparseFit {
  PathPoint<Scalar, Responses> point;
  Vector<Scalar> importance;
  RegressionReport report;
};

/// Selects, chooses the size and refits. `start` is a support of columns to search from as well; `run` hears of it.
template <class Family, class Design, class Y, class Scalar>
SparseFit<Scalar, Family::responses> fit_sparse(const Family& family, const Design& x, const Y& y,
                                                const Vector<Scalar>& weight, const RegressionOptions& options,
                                                const std::vector<Index>& start, FitRun& run) {
  SelectionOptions settings = selection_options(options, Family::unknown_variance, start);
  settings.run = &run;
  const auto select = [&]() -> SelectionResult {
    if (options.gates == GateMode::sampled) return select_sampled(family, x, y, weight, options, settings);
    if (options.gates == GateMode::noise_free) return family.select(x, y, weight, settings);
    SelectionResult everything;
    everything.best.support.resize(static_cast<std::size_t>(x.columns()));
    std::iota(everything.best.support.begin(), everything.best.support.end(), Index{0});
    return everything;
  };
  SparseFit<Scalar, Family::responses> fit;
  SelectionResult selection;
  std::vector<Index> support;
  if (options.folds >= 2 && !options.lambda_l0 && !options.max_features) {
    settings.score.criterion = Criterion::aic;  // held-out loss wants more features than a consistent criterion
    double lowest = std::numeric_limits<double>::infinity();
    double chosen = options.lambda_l2;
    const std::vector<double> candidates =
        options.l2_candidates.empty() ? std::vector<double>{options.lambda_l2} : options.l2_candidates;
    const Index all = options.folds * static_cast<Index>(candidates.size());
    Index done = 0;
    for (const double candidate : candidates) {
      settings.lambda_l2 = candidate;
      SelectionResult found = select();
      std::vector<double> held;
      if (!run.stopped()) {
        held = cross_validate(family, x, y, weight, settings, options.folds, options.seed, options.threads, done, all);
      }
      if (held.empty()) {  // the candidates before, whose folds are done, decide; else the criterion
        if (selection.by_size.empty()) {
          chosen = candidate;
          settings.score.criterion = options.criterion;
          support = support_by_criterion(family, x, y, weight, found, settings);
          selection = std::move(found);
        }
        break;
      }
      bool better = false;
      for (std::size_t k = 0; k < std::min(held.size(), found.by_size.size()); ++k) {
        if (!std::isfinite(found.by_size[k].loss) || !(held[k] < lowest)) continue;
        lowest = held[k];
        chosen = candidate;
        support = found.by_size[k].support;
        better = true;
      }
      if (better) selection = std::move(found);
      if (run.stopped()) break;
    }
    settings.lambda_l2 = chosen;
    settings.score.criterion = options.criterion;
  } else {
    selection = select();
    support = selection.best.support;
  }
  const SupportScore score = criterion_score(family, x, y, settings);
  fit.point = refit_point(family, x, y, weight, support, settings, score);
  family.with_expansion(x, y, weight, fit.point, settings, [&](const auto& problem, double ridge, auto judge) {
    fit.importance = importance_of<Scalar>(problem, ridge, settings, score, fit.point.support, judge);
  });
  RegressionReport& report = fit.report;
  if (run.stopped()) report.stop = StopReason::callback;
  report.size = fit.point.size;
  report.loss = fit.point.loss;
  report.criterion = fit.point.criterion;
  report.lambda = options.lambda_l0.value_or(0);
  report.lambda_l2 = settings.lambda_l2;
  if (!options.lambda_l0 && fit.point.size > 0) {
    const FoundSupport* smaller = nullptr;
    Index smaller_size = 0;
    for (Index k = 0; k < std::min(fit.point.size, static_cast<Index>(selection.by_size.size())); ++k) {
      const FoundSupport& found = selection.by_size[static_cast<std::size_t>(k)];
      if (std::isfinite(found.loss)) smaller = &found, smaller_size = k;
    }
    if (smaller != nullptr) {
      report.lambda = std::max(0.0, family.refit(x, y, weight, smaller->support, settings).loss - fit.point.loss) /
                      static_cast<double>(fit.point.size - smaller_size);
    }
  }
  if (options.max_features && fit.point.size < *options.max_features) {
    report.notes.push_back(to_text(fit.point.size) + (settings.rules.units.trivial() ? " features" : " groups") +
                           " suffice: no independent one is left to reach the budget of " +
                           to_text(*options.max_features));
  }
  StandardizedColumns<Design> columns(x);
  columns.set_weights(weight, true);
  Index constant = 0;
  for (Index j = 0; j < x.columns(); ++j) constant += columns.scale(j) > 0 ? 0 : 1;
  if (constant > 0) report.notes.push_back(to_text(constant) + " constant columns were left out");
  report.seconds = run.seconds();
  return fit;
}

/// The same as a run of its own.
template <class Family, class Design, class Y, class Scalar>
SparseFit<Scalar, Family::responses> fit_sparse(const Family& family, const Design& x, const Y& y,
                                                const Vector<Scalar>& weight, const RegressionOptions& options,
                                                const std::vector<Index>& start) {
  FitRun run(options.callback);
  return fit_sparse(family, x, y, weight, options, start, run);
}

}  // namespace l0::detail
