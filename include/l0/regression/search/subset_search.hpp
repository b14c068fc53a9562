// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/excursions.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Local search over supports of a least-squares problem. Every routine lowers one score, so that what different starts
/// reach can be compared; the best support of all, and the best of every size, are remembered.
template <class Precise>
class SubsetSearch {
 public:
  /// Reports to `run`, unless that is null.
  SubsetSearch(ActiveSet<Precise>& state, const SupportScore& score, FitRun* run)
      : state_(state), score_(score), run_(run),
        by_size_(static_cast<std::size_t>(std::min(state.capacity(), state.unit_count()) + 1)) {}

  const FoundSupport& best() const { return best_; }
  /// The best support found of each size; an infinite loss where there is none.
  const std::vector<FoundSupport>& by_size() const { return by_size_; }

  double score() const { return score_.of_squares(state_.loss(), state_.extent()); }
  double score_after(const SupportMove& move) const { return score_.of_squares(move.loss, state_.size_after(move)); }

  void record() {
    const double value = score();
    FoundSupport& same_size = by_size_[static_cast<std::size_t>(state_.size())];
    if (state_.loss() < same_size.loss) same_size = {value, state_.loss(), state_.active(), state_.fit()};
    if (value < best_.score - gain_floor) best_ = {value, state_.loss(), state_.active(), state_.fit()};
  }

  /// Takes over what another search on the same columns found of every size.
  void adopt(const std::vector<FoundSupport>& by_size) {
    for (std::size_t k = 0; k < std::min(by_size.size(), by_size_.size()); ++k) {
      if (!(by_size[k].loss < by_size_[k].loss)) continue;
      const SupportSize size = state_.units().size_of(by_size[k].support);
      by_size_[k] = by_size[k];
      by_size_[k].score = score_.of_squares(by_size[k].loss, size);
      if (by_size_[k].score < best_.score - gain_floor) best_ = by_size_[k];
    }
  }

  /// Adds the best column, then swaps until no swap helps, size by size, until `limit`, or, from size `least` on, until
  /// the score has not improved for a while.
  void forward(Index limit, Index least) {
    record();
    Index best_size = state_.size();
    double lowest = score();
    Index setbacks = 0;
    const Index start = state_.size();
    Index largest = start;
    while (state_.size() < limit) {
      double gain = 0;
      const Index j = state_.best_add(gain);
      if (j < 0 || !state_.add(j)) break;
      const Index before = state_.size();
      state_.obey_signs();
      swap_to_rest();
      record();
      if (state_.size() < before && ++setbacks > 2 * limit) break;  // a sign rule may go round in circles
      if (score() < lowest - gain_floor) {
        lowest = score();
        best_size = state_.size();
      }
      const Index end = std::max(least, best_size + path_patience(best_size));
      const bool done = state_.size() >= std::min(end, limit) || state_.loss() < score_.rounding;
      if (state_.size() > largest) {  // sign rules may take columns back
        largest = state_.size();
        if (!proceeds("forward", largest - start, (done ? largest : limit) - start)) break;
      }
      if (done) break;
    }
  }

  /// What a search for exactly `size` units looks at: so many.
  static Index beyond(Index size) { return size + std::max<Index>(5, size / 4); }

  /// Back down to `stop` columns, swapping at every size: what the larger supports got right stays.
  void backward(Index stop) {
    const Index start = state_.size();
    while (state_.size() > stop) {
      double cost = 0;
      const Index i = state_.best_drop(cost);
      if (i < 0) break;
      state_.drop(i);
      state_.obey_signs();
      swap_to_rest();
      record();
      if (!proceeds("backward", start - state_.size(), start - std::min(stop, state_.size()))) break;
    }
  }

  /// Steepest descent on the score by single adds, drops and swaps.
  void descend() {
    for (int moves = 0; moves < 500; ++moves) {
      const SupportMove move = best_move();
      if (move.kind == SupportMove::Kind::none) break;
      state_.apply(move);
    }
    record();
  }

  /// Ejection chains (Glover 1996): around the best support, every single move that raises the score by less than half
  /// the price of a feature is made all the same, cheapest first, its way back is barred, and the search descends from
  /// there. Finds exchanges of two or three that pay only together, as among correlated columns; a well-determined
  /// support has no such moves and costs nothing. True when the score got lower.
  bool chain(Index most) {
    const FoundSupport start = best_;
    state_.set(start.support);
    state_.save(home_);
    const double here = score();
    // Rules bar the ways around: then an excursion may climb higher.
    const double slack = (state_.rules().empty() ? 0.5 : 2.0) *
                         (score_.kind == SupportScore::Kind::price ? score_.lambda : score_.next_unit(state_.extent()));
    const auto rise = [&](const SupportMove& move) { return score_after(move) - here; };
    Index made = 0;
    for (const Excursion& excursion : excursions_from(state_, most, rise)) {
      if (!(excursion.rise < slack) || made++ >= most) break;
      state_.restore(home_);
      if (!depart(excursion)) continue;
      swap_to_rest();
      record();
      state_.unban();
      descend();
      if (best_.score < start.score - progress) return true;
    }
    return false;
  }

  /// Up to `rounds` chains, as long as they lower the score.
  void chains(Index rounds, Index most) {
    for (Index round = 1; round <= rounds; ++round) {
      const bool better = chain(most);
      if (!proceeds("chains", round, better ? rounds : round) || !better) return;
    }
  }

 private:
  static constexpr double gain_floor = 1e-7;
  static constexpr double progress = 1e-6;

  bool proceeds(std::string_view stage, Index step, Index steps) const {
    if (run_ == nullptr) return true;
    return run_->proceeds(search_report(stage, step, steps, score_, state_.loss(), state_.size()));
  }

  /// Rounding must not count as progress.
  double least_gain() const { return 1e-9 * state_.loss(); }

  void swap_to_rest() {
    for (int swaps = 0; swaps < 200; ++swaps) {
      const SupportMove move = state_.best_swap(least_gain());
      if (move.kind == SupportMove::Kind::none) return;
      state_.apply(move);
    }
  }

  SupportMove best_move() const {
    const double loss = state_.loss();
    double lowest = score() - progress;
    SupportMove best;
    const auto consider = [&](const SupportMove& move) {
      const double value = score_after(move);
      if (value < lowest) {
        lowest = value;
        best = move;
      }
    };
    double change = 0;
    const Index j = state_.best_add(change);
    if (j >= 0) consider({SupportMove::Kind::add, -1, j, loss - change});
    const Index i = state_.best_drop(change);
    if (i >= 0) consider({SupportMove::Kind::drop, i, -1, loss + change});
    const SupportMove swap = state_.best_swap(least_gain());
    if (swap.kind != SupportMove::Kind::none) consider(swap);
    return best;
  }

  bool depart(const Excursion& excursion) {
    if (excursion.out >= 0) {
      const auto& active = state_.active();
      state_.drop(static_cast<Index>(std::find(active.begin(), active.end(), excursion.out) - active.begin()));
      state_.ban(excursion.out);
    }
    if (excursion.in >= 0 && !state_.add(excursion.in)) return false;
    state_.obey_signs();
    if (excursion.in < 0) {  // something else in its place
      double gain = 0;
      const Index j = state_.best_add(gain);
      if (j >= 0) state_.add(j);
    }
    return true;
  }

  ActiveSet<Precise>& state_;
  SupportScore score_;
  FitRun* run_;
  FoundSupport best_;
  std::vector<FoundSupport> by_size_;
  typename ActiveSet<Precise>::Saved home_;
};

}  // namespace l0::detail
