// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <exception>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/error.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Which fold each sample is held out in.
struct Folds {
  std::vector<Index> of;  ///< empty: no folds
  Index count = 0;
};

/// A permutation drawn from the seed, dealt out in turn; with `strata` each stratum is.
template <std::same_as<Index> Number>
std::vector<Number> assign_folds(Number samples, Number folds, std::uint64_t seed, const std::vector<Number>& strata) {
  std::vector<Number> order(static_cast<std::size_t>(samples));
  std::iota(order.begin(), order.end(), Number{0});
  Rng rng(seed);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(rng() % i)]);  // Fisher & Yates
  std::vector<Number> fold(order.size());
  if (!strata.empty()) {
    const auto stratum = [&](Number i) { return strata[static_cast<std::size_t>(i)]; };
    sort_stably(order, [&](Number a, Number b) { return stratum(a) < stratum(b); });
    for (std::size_t i = 0; i < order.size(); ++i)
      fold[static_cast<std::size_t>(order[i])] = static_cast<Number>(i) % folds;
  } else {
    for (std::size_t i = 0; i < order.size(); ++i) fold[i] = order[i] % folds;
  }
  return fold;
}

/// The folds of a fit: the user's own, or so many drawn ones.
template <class Precise>
Folds folds_for(const Response<Precise>& response, const std::vector<Dependent<Index, Precise>>& given, Index count,
                std::uint64_t seed) {
  Folds folds;
  if (!given.empty()) {
    folds.of = given;
    folds.count = *std::max_element(given.begin(), given.end()) + 1;
    if (count > 0 && count != folds.count)
      fail("folds", to_text(count), "0 or the " + to_text(folds.count) + " of the samples' folds");
    require(folds.count >= 2, "fold", folds.count - 1, "at least two folds, 0 and 1");
    for (Index f = 0; f < folds.count; ++f) {
      if (std::find(given.begin(), given.end(), f) == given.end())
        fail("fold", "without a sample for " + to_text(f), "samples in each of 0, ..., " + to_text(folds.count - 1));
    }
  } else if (count >= 2) {
    const Index n = response.weights().size();
    if (count > n) fail("folds", to_text(count), "at most the " + to_text(n) + " samples");
    folds.of = assign_folds(n, count, seed, response.strata());
    folds.count = count;
  }
  return folds;
}

/// Mean loss on the held-out folds of every size 0, 1, ..., and its standard error: the deviation of the folds' means
/// over √(folds − 1), folds weighing what their samples are worth (as glmnet's cvsd).
template <class Precise>
struct FoldLosses {
  std::vector<Precise> mean;
  std::vector<Precise> error;

  /// The folds were not run to their end.
  bool empty() const { return mean.empty(); }
  std::size_t size() const { return mean.size(); }
};

/// The largest loss with which a size may be chosen, where `best` has the least.
template <class Precise>
Precise loss_to_choose(const FoldLosses<Precise>& held, std::size_t best, FoldRule rule) {
  return held.mean[best] + (rule == FoldRule::one_standard_error ? held.error[best] : Precise(0));
}

/// The sums over folds of their losses of every size, of at most `most` sizes; a size that a fold did not meet counts
/// with that fold's largest below it.
template <class Precise>
std::vector<Precise> sum_of_folds(const std::vector<std::vector<Precise>>& losses, std::size_t most) {
  std::size_t sizes = 0;
  for (const auto& fold : losses) sizes = std::max(sizes, fold.size());
  std::vector<Precise> sum(std::min(sizes, most), Precise(0));
  for (const auto& fold : losses) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += fold[std::min(k, fold.size() - 1)];
  }
  return sum;
}

/// Each fold runs the whole selection on its training part. Unless a whole path is asked for, the first fold tells how
/// far the others look: to twice the size that was best in it, and again to twice that where the best of all is near
/// the end. Reports every fold as one more of `done` of `all`; where the callback asks to stop before the last, nothing
/// is returned.
template <class Precise>
FoldLosses<Precise> cross_validate(const Response<Precise>& response, const Design<Precise>& x,
                                   SelectionOptions options, const Folds& folds, int threads, Index& done, Index all) {
  options.start.clear();                                    // what a fit of all samples chose knows the held-out ones
  options.polish = false;                                   // sizes are compared, not supports
  FitRun* const run = std::exchange(options.run, nullptr);  // folds report as wholes
  std::vector<std::vector<Precise>> total(static_cast<std::size_t>(folds.count));
  std::vector<Precise> held_weight(static_cast<std::size_t>(folds.count), 0.0);
  const Precise loss_unit = response.loss_unit();
  const auto run_fold = [&](Index fold) {
    if (run != nullptr && run->stopped()) return;
    std::vector<Index> train, held;
    for (Index i = 0; i < x.rows(); ++i) (folds.of[static_cast<std::size_t>(i)] == fold ? held : train).push_back(i);
    const auto train_x = x.rows_at(train);
    const auto held_x = x.rows_at(held);
    const auto train_y = response.rows_at(train);
    const auto held_y = response.rows_at(held);
    auto& totals = total[static_cast<std::size_t>(fold)];
    const bool again = !totals.empty();
    totals.clear();
    const Precise weight = held_weight[static_cast<std::size_t>(fold)] = held_y->samples();
    const SelectionResult selection = train_y->select(*train_x, options);
    Precise last = std::numeric_limits<Precise>::infinity();  // a size below that of the kept columns
    for (const FoundSupport& found : selection.by_size) {
      if (std::isfinite(found.loss)) {
        last = held_y->mean_loss(linear_predictor(*held_x, train_y->rough_point(found))) * loss_unit * weight;
      }
      totals.push_back(last);
    }
    if (run == nullptr || again) return;
    const auto best = std::min_element(totals.begin(), totals.end());
    StepReport report{.steps = all, .stage = "folds"};
    if (*best > 0) report.loss = *best / weight;
    report.objective = report.loss;
    report.expected_l0 = static_cast<double>(best - totals.begin());
    run->proceeds(report, &done);
  };
  const auto run_folds = [&](Index first, Index last) {
    const auto workers = static_cast<Index>(std::min<std::ptrdiff_t>(threads, last - first));
    std::vector<Dependent<std::exception_ptr, Precise>> failed(static_cast<std::size_t>(workers));
    const auto run_share = [&](Index worker) {
      keep_failure(failed[static_cast<std::size_t>(worker)], [&] {
        for (Index fold = first + worker; fold < last; fold += workers) run_fold(fold);
      });
    };
    Workers(static_cast<int>(workers)).run(workers, run_share);
    for (const std::exception_ptr& failure : failed) {
      if (failure) std::rethrow_exception(failure);
    }
  };
  const auto stopped = [&] { return run != nullptr && run->stopped(); };
  if (options.whole_path) {
    run_folds(0, folds.count);
  } else {
    const Index most = options.max_size;
    run_folds(0, 1);
    const auto best_of = [](const std::vector<Precise>& losses) {
      return static_cast<Index>(std::min_element(losses.begin(), losses.end()) - losses.begin());
    };
    Index reach = best_of(total.front());
    do {
      options.max_size = std::min(most, std::max(2 * reach, reach + 10));
      if (!stopped()) run_folds(1, folds.count);
      if (stopped()) break;
      reach = best_of(sum_of_folds(total, static_cast<std::size_t>(options.max_size) + 1));
    } while (options.max_size < most && reach + 2 > options.max_size);
    if (!total.front().empty())
      total.front().resize(std::min(total.front().size(), static_cast<std::size_t>(options.max_size) + 1));
  }
  if (std::any_of(total.begin(), total.end(), [](const auto& totals) { return totals.empty(); })) return {};
  FoldLosses<Precise> held{sum_of_folds(total, std::numeric_limits<std::size_t>::max()), {}};
  const Precise weights = std::accumulate(held_weight.begin(), held_weight.end(), Precise(0));
  for (Precise& mean : held.mean) mean /= weights;
  held.error.assign(held.size(), 0);
  for (std::size_t k = 0; k < held.size(); ++k) {
    for (std::size_t f = 0; f < total.size(); ++f) {
      const Precise own = total[f][std::min(k, total[f].size() - 1)] / held_weight[f] - held.mean[k];
      held.error[k] += held_weight[f] / weights * own * own / static_cast<Precise>(folds.count - 1);
    }
    held.error[k] = std::sqrt(held.error[k]);
  }
  return held;
}

}  // namespace l0::detail
