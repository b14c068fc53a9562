// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/proposal.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/excursions.hpp>
#include <l0/regression/search/fitted_supports.hpp>
#include <l0/regression/search/likelihood_oracle.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/search/subset_search.hpp>

namespace l0::detail {

/// Selects a support for a generalised linear model: the search of LeastSquaresSearch (a path up and down with
/// swaps, descent on the score, supports proposed by the gates, ejection chains), run on the quadratic expansion around
/// the best fit so far. The expansion proposes, the likelihood decides.
///
/// Works on whatever design it is given. Where that is a part of a larger one, `options.score.features` says how many
/// columns the whole has.
template <class Precise>
class LikelihoodSearch {
 public:
  using Fit = GlmFit<Precise>;
  using Result = typename FittedSupports<Precise>::Result;

  /// Design and likelihood must outlive this object. `options.score` is complete.
  LikelihoodSearch(const Design<Precise>& x, const Likelihood<Precise>& likelihood, SelectionOptions options)
      : options_(limited(std::move(options), x)), limit_(largest_support(options_, x)), fits_(x, likelihood, options_),
        model_(fits_.fitter(), options_.score, options_.rules, column_capacity(options_, limit_)) {}
  LikelihoodSearch(const LikelihoodSearch&) = delete;
  LikelihoodSearch& operator=(const LikelihoodSearch&) = delete;

  /// From the kept units alone, and from the units of an earlier fit.
  Result run() {
    begin({});
    forward();
    if (!options_.stopped()) {
      backward(is_exact() ? options_.score.size
                          : std::max<Index>(1, fits_.best().size() - std::max<Index>(2, fits_.best().size() / 8)));
    }
    if (!options_.start.empty() && !options_.stopped()) {
      state().set(with_kept(options_.start));
      state().obey_signs();
      if (is_exact()) state().resize(options_.score.size);
      record_if_new();
    }
    return polish();
  }

  /// From a known support and the kept units.
  Result run_from(const std::vector<Index>& start) {
    begin(start);
    return polish();
  }

 private:
  static constexpr Index chain_rounds = 10;
  static constexpr Index chain_moves = 20;    // excursions per round
  static constexpr Index most_gates = 256;    // columns the gates compete on
  static constexpr Index outside_gates = 48;  // of them not in the best support
  static constexpr double foresight = 0.05;   // of a deviance
  static constexpr double infinite = std::numeric_limits<double>::infinity();

  static SelectionOptions limited(SelectionOptions options, const Design<Precise>& x) {
    if (options.score.kind != SupportScore::Kind::exact) {
      options.score.limit = std::max(largest_support(options, x), static_cast<Index>(options.rules.keep.size()));
    }
    return options;
  }

  /// A sample of a likelihood tells less than one of a Gaussian response: at most a quarter of n.
  static Index largest_support(const SelectionOptions& options, const Design<Precise>& x) {
    const SupportScore& score = options.score;
    const Index units = options.rules.units.count(x.columns());
    if (score.kind == SupportScore::Kind::exact) {
      return std::min({units, x.rows(), SubsetSearch<Precise>::beyond(score.size)});
    }
    const auto room =
        static_cast<Index>(std::min(score.samples, static_cast<double>(x.rows())) / (4 * score.unit_width));
    return std::min({units, options.max_size, std::max<Index>(room, 1)});
  }

  bool proceeds(std::string_view stage, Index step, Index steps, double objective, Index size) const {
    if (options_.run == nullptr) return true;
    return options_.run->proceeds(search_report(stage, step, steps, options_.score, objective, size));
  }

  bool is_exact() const { return options_.score.kind == SupportScore::Kind::exact; }
  Index kept() const { return static_cast<Index>(options_.rules.keep.size()); }
  ActiveSet<Precise>& state() { return model_.state(); }

  /// Fits the support on which the expansion stands. Gives up where the objective cannot get below `bound`.
  Fit refit(double bound = infinite) { return fits_.fit(model_.expected(), bound); }

  void accept(Fit fit, bool fresh = false) {
    current_ = std::move(fit);
    fits_.record(current_);
    model_.stand_on(current_, fresh);
  }

  /// The same, on the old expansion where that has foretold the objective.
  void accept_nearby(Fit fit) {
    const bool foretold = model_.state().active_columns().size() == fit.columns.size() &&
                          std::abs(fit.objective - model_.state().loss()) < foresight;
    if (!foretold) return accept(std::move(fit));
    current_ = std::move(fit);
    fits_.record(current_);
  }

  std::vector<Index> with_kept(const std::vector<Index>& more) const {
    std::vector<Index> support = options_.rules.keep;
    for (const Index unit : more) {
      if (std::find(support.begin(), support.end(), unit) == support.end()) support.push_back(unit);
    }
    return support;
  }

  /// Stands on the kept units and `more`; the expansion around the empty support leaves out constant and dependent
  /// columns.
  void begin(const std::vector<Index>& more) {
    fits_.reset(std::max(limit_, kept()) + 1);
    current_ = fits_.fit(fits_.fitter().fit(std::vector<Index>()));
    model_.stand_on(current_, true);
    state().set(with_kept(more));
    state().obey_signs();
    if (state().size() > 0) current_ = refit();
    accept(current_);
  }

  Result polish() {
    if (std::isfinite(fits_.best().score) && options_.polish && !options_.stopped()) {
      accept(fits_.best(), true);
      descend();
      if (options_.rules.empty() && options_.rules.units.trivial()) try_proposals();
      for (Index round = 1; round <= chain_rounds; ++round) {
        const bool better = chain();
        if (!proceeds("chains", round, better ? chain_rounds : round, fits_.best().objective, fits_.best().size()) ||
            !better)
          break;
      }
    }
    return fits_.finish();
  }

  /// Adds the best column, then swaps until no swap helps, size by size, until `limit_` or until the score has not
  /// improved for a while.
  void forward() {
    double lowest = current_.score;
    Index best_size = current_.size();
    const Index start = best_size;
    Index largest = start;
    while (current_.size() < limit_ && (is_exact() || !current_.separable) && add_one()) {
      swap_to_rest();
      if (current_.score < lowest - fits_.progress()) {
        lowest = current_.score;
        best_size = current_.size();
      }
      const bool to_the_limit = is_exact() || options_.whole_path;
      const Index patience = path_patience(best_size);
      const bool done = current_.size() >= (to_the_limit ? limit_ : std::min(limit_, best_size + patience));
      if (current_.size() > largest) {  // sign rules may take columns back
        largest = current_.size();
        if (!proceeds("forward", largest - start, (done ? largest : limit_) - start, current_.objective, largest))
          return;
      }
      if (done) return;
    }
  }

  /// False where no column lowers the objective. Under rules a fit may lose other columns, so more than one is tried.
  bool add_one() {
    for (const Index j : state().best_adds(options_.rules.empty() ? 1 : 3)) {
      if (!state().add(j)) continue;
      state().obey_signs();
      const Fit fit = refit();
      if (fit.objective < current_.objective) {
        accept_nearby(fit);
        return true;
      }
      state().set(current_.units);
    }
    return false;
  }

  /// Swaps until none helps: all that the expansion proposes at once, else the best few one by one.
  void swap_to_rest() {
    for (int rounds = 0; rounds < 50; ++rounds) {
      const double target = current_.objective - 1e-6 * (1 + current_.objective);
      if (model_.swap_to_rest() == 0) return;
      Fit fit = refit(target);
      if (!(fit.objective < target)) fit = best_single_swap(target);
      if (!(fit.objective < target)) {
        state().set(current_.units);
        return;
      }
      accept(fit);
    }
  }

  Fit best_single_swap(double target) {
    state().set(current_.units);
    Fit fit;
    for (const SupportMove& move : state().best_swaps(3, model_.least_gain())) {
      state().set(current_.units);
      state().apply(move);
      fit = refit(target);
      if (fit.objective < target) break;
    }
    return fit;
  }

  /// Down again within the expansion around the largest fit. Supports that the way up did not meet are fitted, as far
  /// as their size may matter.
  void backward(Index stop) {
    model_.stand_on(current_, true);
    double cost = 0;
    const Index start = state().size();
    while (state().size() > stop) {
      const Index i = state().best_drop(cost);
      if (i < 0) return;
      state().drop(i);
      state().obey_signs();
      model_.swap_to_rest();
      if (state().size() <= fits_.best().size() + 2 || (is_exact() && state().size() == stop)) record_if_new();
      const Index now = state().size();
      if (!proceeds("backward", start - now, start - std::min(stop, now), state().loss(), now)) return;
    }
  }

  void record_if_new() {
    const Fit proposal = model_.expected();
    if (!fits_.is_known(proposal)) fits_.record(fits_.fit(proposal));
  }

  /// Descent on the score: the best predicted add, drop or swap that the likelihood confirms.
  void descend() {
    for (int moves = 0; moves < 100; ++moves) {
      if (!make_confirmed_move()) {
        state().set(current_.units);
        return;
      }
    }
  }

  bool make_confirmed_move() {
    std::vector<std::pair<Double<Precise>, SupportMove>> ranked;
    for (const SupportMove& move : model_.moves_from_here(3)) ranked.emplace_back(model_.score_after(move), move);
    sort_stably(ranked, [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::vector<Index> home = state().active();
    for (const auto& [predicted, move] : ranked) {
      if (!(predicted < current_.score - fits_.progress())) return false;
      state().set(home);  // in this order: moves name positions
      state().apply(move);
      const Fit fit = refit();
      if (fit.score < current_.score - fits_.progress()) {
        accept(fit);
        return true;
      }
    }
    return false;
  }

  /// Fits what the expansion stands on, unless it is known, and descends from there where that beats the best.
  bool improves() {
    const Fit proposal = model_.expected();
    if (fits_.is_known(proposal)) return false;
    const Fit fit = fits_.fit(proposal);
    if (!(fit.score < fits_.best().score - fits_.progress())) return false;
    accept(fit, true);
    descend();
    return true;
  }

  /// Supports proposed by gates trained on the expansion: its responses have unit variance, so prices are in units of
  /// the deviance.
  void try_proposals() {
    accept(fits_.best(), true);
    const double price = (is_price() ? options_.score.lambda : options_.score.next_unit(fits_.best().extent())) /
                         options_.score.deviance_unit();
    if (!(price > 0)) return;
    const std::vector<Index> contenders = gate_contenders();
    const Matrix<Precise> gram = gram_of(model_.gram(), contenders);
    const Matrix<Precise> correlation = rows_of(model_.correlation(), contenders);
    std::vector<std::vector<Index>> seen{fits_.best().units};
    for (const double factor : {1.0, 0.5, 2.0}) {
      std::vector<Index> support = propose_support(gram, correlation, price * factor);
      for (Index& j : support) j = contenders[static_cast<std::size_t>(j)];
      if (static_cast<Index>(support.size()) > limit_ || std::find(seen.begin(), seen.end(), support) != seen.end())
        continue;
      seen.push_back(support);
      state().set(support);
      if (is_exact()) state().resize(options_.score.size);
      model_.descend();
      if (improves()) accept(fits_.best(), true);
    }
  }

  bool is_price() const { return options_.score.kind == SupportScore::Kind::price; }

  /// The best support and the columns that would gain most beside it, in ascending order.
  std::vector<Index> gate_contenders() {
    const Index room = std::clamp<Index>(most_gates - fits_.best().size(), 0, outside_gates);
    std::vector<Index> contenders = state().best_adds(room);
    contenders.insert(contenders.end(), fits_.best().units.begin(), fits_.best().units.end());
    std::sort(contenders.begin(), contenders.end());
    model_.fetch(contenders);
    return contenders;
  }

  /// Ejection chains as in SubsetSearch. The descent after the forced move stays within the expansion, and only its end
  /// is fitted. True when the score got lower.
  bool chain() {
    accept(fits_.best(), true);
    const double here = fits_.best().score;
    const double slack = 0.5 * (is_price() ? options_.score.lambda : options_.score.next_unit(fits_.best().extent()));
    state().save(home_);
    const auto rise = [&](const SupportMove& move) { return model_.score_after(move) - here; };
    Index made = 0;
    for (const Excursion& excursion : excursions_from(state(), chain_moves, rise)) {
      if (!(excursion.rise < slack) || made++ >= chain_moves) break;
      state().restore(home_);
      if (!depart(excursion)) continue;
      if (model_.score() <= here + 0.5 * slack && improves()) return true;
    }
    return false;
  }

  bool depart(const Excursion& excursion) {
    if (excursion.out >= 0) {
      const auto& active = state().active();
      state().drop(static_cast<Index>(std::find(active.begin(), active.end(), excursion.out) - active.begin()));
      state().ban(excursion.out);
    }
    if (excursion.in >= 0 && !state().add(excursion.in)) {
      state().unban();
      return false;
    }
    state().obey_signs();
    model_.swap_to_rest();
    state().unban();
    model_.descend();
    return true;
  }

  SelectionOptions options_;
  Index limit_;
  FittedSupports<Precise> fits_;
  LikelihoodOracle<Precise> model_;
  Fit current_;
  typename ActiveSet<Precise>::Saved home_;
};

}  // namespace l0::detail
