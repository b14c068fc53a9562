// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

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

/// Which fold each sample belongs to, a permutation drawn from the seed.
inline std::vector<Index> assign_folds(Index samples, Index folds, std::uint64_t seed) {
  std::vector<Index> fold(static_cast<std::size_t>(samples));
  for (std::size_t i = 0; i < fold.size(); ++i) fold[i] = static_cast<Index>(i) % folds;
  Rng rng(seed);
  for (std::size_t i = fold.size(); i > 1; --i)
    std::swap(fold[i - 1], fold[static_cast<std::size_t>(rng() % i)]);  // Fisher & Yates
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
    keep_failure(failed[static_cast<std::size_t>(worker)], [&] {
      for (Index fold = worker; fold < folds; fold += workers) run_fold(fold);
    });
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

}  // namespace l0::detail
