// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/proposal.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/excursions.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Local search over supports for the best of all by one score and the best of every size: a path up and down with
/// swaps at every size, descent on the score, supports proposed by the gates, and ejection chains from the best.
///
/// What a support is worth is for an oracle to say. It keeps an `ActiveSet` that knows the loss of every neighbour of
/// the support on which it stands; the search moves it about. For least squares that loss is the loss. For a likelihood
/// it is an expansion around the last fit, which proposes: the likelihood, fitted where the set stands, decides.
///
///     state                    the active set; score, objective, size: of the support that was last taken
///     fit(bound), fitted_score the objective where the set stands; gives up where it cannot get below the bound
///     take, record             that fit is the present support from now on, or is remembered only
///     stand_on_best            comes back to the best support
///     predicted_score, score_after, moves, swap_to_rest, settle   what the set tells by itself
///     is_exact                 whether that is the truth, so that fits cost nothing and all are remembered
template <class Oracle>
class SupportSearch {
 public:
  /// Reports to `run`, unless that is null.
  SupportSearch(Oracle& oracle, const SelectionOptions& options, Index limit, FitRun* run)
      : oracle_(oracle), options_(options), limit_(limit), run_(run) {}

  /// From the kept units, up, down and around; also from the units that the options start from.
  void run() {
    oracle_.begin({});
    forward(limit_, is_exact_size() || options_.whole_path ? limit_ : 0);
    if (!stopped()) backward(is_exact_size() ? options_.score.size : oracle_.depth());
    if (!options_.start.empty() && !stopped()) look_at(options_.rules.with_kept(options_.start));
    polish();
  }

  /// From a known support and the kept units.
  void run_from(const std::vector<Index>& start) {
    oracle_.begin(start);
    descend();
    polish();
  }

  /// Adds the best unit, then swaps until no swap helps, size by size, until `limit`, or, from size `least` on, until
  /// the score has not improved for a while.
  void forward(Index limit, Index least) {
    Index best_size = oracle_.size();
    double lowest = oracle_.score();
    Index setbacks = 0;
    const Index start = best_size;
    Index largest = start;
    while (oracle_.size() < limit && oracle_.may_grow()) {
      const Index before = oracle_.size();
      if (!add_one()) break;
      swap_to_rest();
      if (oracle_.size() <= before && ++setbacks > 2 * limit) break;  // a sign rule may go round in circles
      if (oracle_.score() < lowest - oracle_.progress()) {
        lowest = oracle_.score();
        best_size = oracle_.size();
      }
      const Index end = std::max(least, best_size + path_patience(best_size));
      const bool done = oracle_.size() >= std::min(end, limit) || oracle_.has_nothing_left();
      if (oracle_.size() > largest) {  // sign rules may take columns back
        largest = oracle_.size();
        if (!proceeds("forward", largest - start, (done ? largest : limit) - start)) break;
      }
      if (done) break;
    }
  }

  /// Back down to `stop` units, swapping at every size: what the larger supports got right stays.
  void backward(Index stop) {
    oracle_.renew();
    const Index start = state().size();
    double cost = 0;
    while (state().size() > stop) {
      const Index i = state().best_drop(cost);
      if (i < 0) break;
      state().drop(i);
      state().obey_signs();
      oracle_.swap_to_rest();
      const Index size = state().size();
      if (Oracle::is_exact || size <= oracle_.best_size() + 2 || (is_exact_size() && size == stop)) record_if_new();
      if (!proceeds("backward", start - size, start - std::min(stop, size))) break;
    }
  }

  /// Steepest descent on the score: the best predicted add, drop or swap that a fit confirms.
  void descend() {
    constexpr int most = 500;
    for (int moves = 0; moves < most && make_confirmed_move(); ++moves) continue;
  }

  /// Ejection chains (Glover 1996): around the best support, every single move that raises the score by less than half
  /// the price of a feature is made all the same, cheapest first, its way back is barred, and the search descends from
  /// there. Finds exchanges of two or three that pay only together, as among correlated columns; a well-determined
  /// support has no such moves and costs nothing.
  void chains() {
    const Index rounds = search_constants.chain_rounds;
    for (Index round = 1; round <= rounds; ++round) {
      const bool better = chain();
      if (!proceeds("chains", round, better ? rounds : round) || !better) return;
    }
  }

 private:
  ActiveSet<typename Oracle::Number>& state() { return oracle_.state(); }
  bool stopped() const { return run_ != nullptr && run_->stopped(); }
  bool is_exact_size() const { return options_.score.kind == SupportScore::Kind::exact; }
  bool is_price() const { return options_.score.kind == SupportScore::Kind::price; }
  bool proceeds(std::string_view stage, Index step, Index steps) const {
    return run_ == nullptr || run_->proceeds(oracle_.report(stage, step, steps));
  }

  /// Descends from a support, as far as the rules allow it.
  void look_at(const std::vector<Index>& support) {
    state().set(support);
    state().obey_signs();
    if (is_exact_size()) state().resize(options_.score.size);
    oracle_.fit();
    oracle_.take(true);
    descend();
  }

  void polish() {
    if (!std::isfinite(oracle_.best_score()) || !options_.polish || stopped()) return;
    oracle_.stand_on_best();
    descend();
    if (options_.rules.empty() && options_.rules.units.trivial()) try_proposals();
    chains();
    if constexpr (Oracle::is_exact) {
      if (options_.whole_path) visit_every_size();
    }
  }

  /// False where no unit lowers the objective. Under rules a fit may lose others, so more than one is tried.
  bool add_one() {
    double gain = 0;
    const bool free = options_.rules.empty();
    const double before = oracle_.objective();
    const std::vector<Index> home = state().active();
    for (const Index j : free ? std::vector<Index>{state().best_add(gain)} : state().best_adds(3)) {
      if (j < 0 || !state().add(j)) continue;
      state().obey_signs();
      const double after = oracle_.fit();
      if (after < before || (Oracle::is_exact && free)) {
        oracle_.take_nearby();
        return true;
      }
      state().set(home);
    }
    return false;
  }

  /// Swaps until none helps: all that the set proposes at once, else the best few one by one.
  void swap_to_rest() {
    constexpr int most = 50;
    for (int round = 0; round < most; ++round) {
      const std::vector<Index> home = state().active();
      if (oracle_.swap_to_rest() == 0) return;
      const double target = oracle_.least_progress();
      if (!(oracle_.fit(target) < target) && !single_swap(home, target)) {
        state().set(home);
        return;
      }
      oracle_.take(false);
      if (Oracle::is_exact) return;
    }
  }

  /// Whether one of the best swaps from `home`, fitted, gets below the target.
  bool single_swap(const std::vector<Index>& home, double target) {
    state().set(home);
    for (const SupportMove& move : state().best_swaps(3, oracle_.least_gain())) {
      state().set(home);  // in this order: moves name positions
      state().apply(move);
      if (oracle_.fit(target) < target) return true;
    }
    return false;
  }

  bool make_confirmed_move() {
    std::vector<std::pair<double, SupportMove>> ranked;
    for (const SupportMove& move : oracle_.moves(Oracle::is_exact ? 1 : 3))
      ranked.emplace_back(oracle_.score_after(move), move);
    sort_stably(ranked, [](const auto& a, const auto& b) { return a.first < b.first; });
    const double enough = oracle_.score() - oracle_.progress();
    const std::vector<Index> home = state().active();
    bool moved = false;
    for (const auto& [predicted, move] : ranked) {
      if (!(predicted < enough)) break;
      if (moved) state().set(home);
      state().apply(move);
      moved = true;
      oracle_.fit();
      if (oracle_.fitted_score() < enough) {
        oracle_.take(false);
        return true;
      }
    }
    if (moved) state().set(home);
    return false;
  }

  void record_if_new() {
    if (oracle_.is_known()) return;
    oracle_.fit();
    oracle_.record();
  }

  /// Whether the support where the set stands is better than the best; then it descends from there.
  bool improves() {
    if (oracle_.is_known()) return false;
    const double best = oracle_.best_score();
    oracle_.fit();
    if (!(oracle_.fitted_score() < best - oracle_.progress())) return false;
    oracle_.take(true);
    descend();
    return true;
  }

  /// True when the score got lower.
  bool chain() {
    oracle_.stand_on_best();
    const double here = oracle_.best_score();
    const double slack = (options_.rules.empty() ? search_constants.slack : search_constants.slack_by_rules) *
                         (is_price() ? options_.score.lambda : options_.score.next_unit(state().extent()));
    state().save(home_);
    const auto rise = [&](const SupportMove& move) { return oracle_.score_after(move) - here; };
    Index made = 0;
    for (const Excursion& excursion : excursions_from(state(), search_constants.chain_moves, rise)) {
      if (!(excursion.rise < slack) || made++ >= search_constants.chain_moves) break;
      state().restore(home_);
      const bool departed = depart(excursion);
      if (departed) oracle_.swap_to_rest();
      state().unban();
      if (!departed) continue;
      if (Oracle::is_exact) record_if_new();
      oracle_.settle();
      if (Oracle::is_exact) record_if_new();
      if (oracle_.best_score() < here - oracle_.progress()) return true;
      if (!Oracle::is_exact && oracle_.predicted_score() <= here + 0.5 * slack && improves()) return true;
    }
    return false;
  }

  bool depart(const Excursion& excursion) {
    if (excursion.out >= 0) {
      const auto& active = state().active();
      state().drop(static_cast<Index>(std::find(active.begin(), active.end(), excursion.out) - active.begin()));
      state().ban(excursion.out);
    }
    if (excursion.in >= 0 && !state().add(excursion.in)) return false;
    state().obey_signs();
    if (excursion.in < 0) {  // something else in its place
      double gain = 0;
      const Index j = state().best_add(gain);
      if (j >= 0) state().add(j);
    }
    return true;
  }

  /// Supports proposed by gates trained on the least-squares problem, at the price of a feature and around it.
  void try_proposals() {
    oracle_.stand_on_best();
    const double price = oracle_.feature_price();
    if (!(price > 0)) return;
    const std::vector<Index> contenders = oracle_.contenders();
    const auto gram = gram_of(state().gram(), contenders);
    const auto correlation = rows_of(oracle_.correlation(), contenders);
    std::vector<std::vector<Index>> seen;
    for (const double factor : {1.0, 0.5, 2.0}) {
      std::vector<Index> support = propose_support(gram, correlation, price * factor);
      for (Index& j : support) j = contenders[static_cast<std::size_t>(j)];
      std::sort(support.begin(), support.end());
      const bool known = std::find(seen.begin(), seen.end(), support) != seen.end();
      if (static_cast<Index>(support.size()) > limit_ || known) continue;
      seen.push_back(support);
      state().set(support);
      if (is_exact_size()) state().resize(options_.score.size);
      oracle_.settle();
      if (Oracle::is_exact) {
        record_if_new();
      } else if (improves()) {
        oracle_.stand_on_best();
      }
    }
  }

  /// Makes a path no worse than budgets: every size is searched for by itself, from the best support of its own, from a
  /// larger one and from both neighbours, down and up through the sizes until none gets better.
  void visit_every_size() {
    const auto largest = static_cast<Index>(oracle_.by_size().size()) - 1;
    bool better = true;
    for (int pass = 0; pass < search_constants.path_passes && better && !stopped(); ++pass) {
      better = false;
      for (Index k = 1; k <= largest && !stopped(); ++k) {
        const Index size = pass % 2 == 0 ? largest + 1 - k : k;
        better = visit(size, {size, std::min(pass == 0 ? beyond(size) : size + 1, largest), size - 1}) || better;
      }
    }
  }

  /// Whether a search for exactly `size` units lowers the loss, from the best supports of other sizes.
  bool visit(Index size, const std::vector<Index>& from) {
    const auto known = [&](Index k) -> const FoundSupport& { return oracle_.by_size()[static_cast<std::size_t>(k)]; };
    const double before = known(size).loss;
    if (!std::isfinite(before)) return false;
    SelectionOptions exactly = options_;
    exactly.score.kind = SupportScore::Kind::exact;
    exactly.score.size = size;
    Oracle own(oracle_, exactly.score);
    SupportSearch search(own, exactly, limit_, nullptr);
    for (const Index other : from) {
      if (!std::isfinite(known(other).loss)) continue;
      state().set(known(other).support);
      own.record();
      search.backward(size);
      search.forward(size, size);
    }
    search.chains();
    oracle_.adopt(own.by_size());
    return known(size).loss < before * (1 - search_constants.swap_gain);
  }

  Oracle& oracle_;
  const SelectionOptions& options_;
  Index limit_;
  FitRun* run_;
  typename ActiveSet<typename Oracle::Number>::Saved home_;
};

}  // namespace l0::detail
