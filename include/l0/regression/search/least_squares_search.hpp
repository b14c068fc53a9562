// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <vector>

#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/proposal.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/search/subset_search.hpp>

namespace l0::detail {

/// The search on all columns of one problem: a path up and down with swaps at every size, descent on the score,
/// supports proposed by the gates, and ejection chains from the best of all.
template <class Precise>
class LeastSquaresSearch {
 public:
  LeastSquaresSearch(const LeastSquaresProblem<Precise>& problem, const SelectionOptions& options, Index limit)
      : problem_(problem), options_(options), limit_(limit),
        gram_(problem.columns(), options.score.samples * options.lambda_l2), state_(gram_, options_.rules) {
    state_.reset(problem.correlation, problem.squares, column_capacity(options_, limit_));
    search_.emplace(state_, options_.score, options_.run);
  }

  /// From the empty support.
  SelectionResult run() {
    const bool exact = options_.score.kind == SupportScore::Kind::exact;
    state_.set(options_.rules.keep);
    state_.obey_signs();
    search_->forward(limit_, exact || options_.whole_path ? limit_ : 0);
    const auto best_size = static_cast<Index>(search_->best().support.size());
    if (!options_.stopped()) search_->backward(exact ? options_.score.size : std::max<Index>(1, best_size / 2));
    if (!options_.start.empty() && !options_.stopped()) {
      stand_on(options_.start);
      if (exact) state_.resize(options_.score.size);
      search_->descend();
    }
    return polish();
  }

  /// From a known support.
  SelectionResult run_from(const std::vector<Index>& start) {
    if (options_.whole_path) {
      options_.start = start;
      return run();
    }
    stand_on(start);
    search_->descend();
    return polish();
  }

 private:
  static constexpr Index chain_rounds = 20;
  static constexpr Index chain_moves = 20;  // excursions per round
  static constexpr Index most_gates = 256;  // columns the gates compete on
  static constexpr int path_passes = 4;     // over the sizes of a path

  /// On a support and the kept units, as far as the rules allow.
  void stand_on(const std::vector<Index>& start) {
    std::vector<Index> support = options_.rules.keep;
    for (const Index unit : start) {
      if (std::find(support.begin(), support.end(), unit) == support.end()) support.push_back(unit);
    }
    state_.set(support);
    state_.obey_signs();
    search_->record();
  }

  SelectionResult polish() {
    if (std::isfinite(search_->best().score) && options_.polish && !options_.stopped()) {
      state_.set(search_->best().support);
      search_->descend();
      if (options_.rules.empty() && options_.rules.units.trivial()) try_proposals();
      search_->chains(chain_rounds, chain_moves);
      if (options_.whole_path) visit_every_size();
    }
    SelectionResult result{search_->best(), search_->by_size()};
    if (!std::isfinite(result.best.score)) result.best = nearest_below(result.by_size);
    return result;
  }

  /// Makes a path no worse than budgets: every size is searched for by itself, from the best support of its own, from a
  /// larger one and from both neighbours, down and up through the sizes until none gets better.
  void visit_every_size() {
    const auto largest = static_cast<Index>(search_->by_size().size()) - 1;
    bool better = true;
    for (int pass = 0; pass < path_passes && better && !options_.stopped(); ++pass) {
      better = false;
      for (Index k = 1; k <= largest && !options_.stopped(); ++k) {
        const Index size = pass % 2 == 0 ? largest + 1 - k : k;
        better = visit(size, {size, std::min(pass == 0 ? SubsetSearch<Precise>::beyond(size) : size + 1, largest),
                              size - 1}) ||
                 better;
      }
    }
  }

  /// Whether a search for exactly `size` units lowers the loss, from the best supports of other sizes.
  bool visit(Index size, std::initializer_list<Index> from) {
    const auto known = [&](Index k) -> const FoundSupport& { return search_->by_size()[static_cast<std::size_t>(k)]; };
    const double before = known(size).loss;
    if (!std::isfinite(before)) return false;
    SupportScore score = options_.score;
    score.kind = SupportScore::Kind::exact;
    score.size = size;
    SubsetSearch<Precise> exact(state_, score, nullptr);
    for (const Index other : from) {
      if (!std::isfinite(known(other).loss)) continue;
      state_.set(known(other).support);
      exact.backward(size);
      exact.forward(size, size);
    }
    exact.chains(chain_rounds, chain_moves);
    search_->adopt(exact.by_size());
    return known(size).loss < before * (1 - 1e-9);
  }

  /// Where the wanted size is out of reach (rank, rules): the largest support below it.
  FoundSupport nearest_below(const std::vector<FoundSupport>& by_size) const {
    for (Index k = std::min(options_.score.size, static_cast<Index>(by_size.size()) - 1); k > 0; --k) {
      const FoundSupport& found = by_size[static_cast<std::size_t>(k)];
      if (std::isfinite(found.loss)) return found;
    }
    return {0, problem_.squares, {}};
  }

  void try_proposals() {
    const FoundSupport start = search_->best();
    const SupportScore& score = options_.score;
    const SupportSize size = options_.rules.units.size_of(start.support);
    const double freedom = std::max(score.samples - static_cast<double>(size.columns) - 1, 1.0) * score.responses;
    const double variance = std::max(start.loss / freedom, score.rounding / score.samples);
    const double price =
        score.kind == SupportScore::Kind::price ? score.samples * score.lambda : variance * score.next_unit(size);
    if (!(price > 0)) return;
    const std::vector<Index> contenders = known_columns();
    const Matrix<Precise> gram = gram_of(gram_, contenders);
    const Matrix<Precise> correlation = rows_of(problem_.correlation, contenders);
    std::vector<std::vector<Dependent<Index, Precise>>> seen;
    for (const double factor : {1.0, 0.5, 2.0}) {
      std::vector<Index> support = propose_support(gram, correlation, price * factor);
      for (Index& j : support) j = contenders[static_cast<std::size_t>(j)];
      std::sort(support.begin(), support.end());
      const bool known = std::find(seen.begin(), seen.end(), support) != seen.end();
      if (static_cast<Index>(support.size()) > limit_ || known) continue;
      seen.push_back(support);
      state_.set(support);
      if (score.kind == SupportScore::Kind::exact) state_.resize(score.size);
      search_->descend();
    }
  }

  /// The columns whose Gram rows the path has asked for, at most those `most_gates` that correlate best with the
  /// responses.
  std::vector<Index> known_columns() const {
    std::vector<Dependent<Index, Precise>> known;
    for (Index j = 0; j < gram_.size(); ++j) {
      if (gram_.has(j) && problem_.columns().scale(j) > 0) known.push_back(j);
    }
    if (static_cast<Index>(known.size()) > most_gates) {
      sort_stably(known, [&](Index a, Index b) {
        return problem_.correlation.row(a).squaredNorm() > problem_.correlation.row(b).squaredNorm();
      });
      known.resize(static_cast<std::size_t>(most_gates));
    }
    return known;
  }

  const LeastSquaresProblem<Precise>& problem_;
  SelectionOptions options_;
  Index limit_;
  GramRows<Precise> gram_;
  ActiveSet<Precise> state_;
  std::optional<SubsetSearch<Precise>> search_;
};

/// Completes the options of a least-squares search that knows its problem, and returns the largest size to look at.
/// `options.score` knows the samples; their number of rows is a limit as well.
template <class Precise>
Index complete_for_squares(SelectionOptions& options, const LeastSquaresProblem<Precise>& problem, Index rows) {
  SupportScore& score = options.score;
  score.rounding = std::max(1e-300, problem.squares * 1e-12);
  const Index columns = problem.columns().columns();
  if (score.kind == SupportScore::Kind::exact) {
    return std::min({options.rules.units.count(columns), rows, SubsetSearch<Precise>::beyond(score.size)});
  }
  const auto samples = static_cast<Index>(std::min(score.samples, static_cast<double>(rows)));
  score.limit = std::max(support_limit(samples, columns, options), static_cast<Index>(options.rules.keep.size()));
  return score.limit;
}

/// Searches from the empty support, or from the units of `start`.
template <class Precise>
SelectionResult search_least_squares(const LeastSquaresProblem<Precise>& problem, const SelectionOptions& options,
                                     Index limit, const std::vector<Index>& start = {}) {
  LeastSquaresSearch<Precise> search(problem, options, limit);
  return start.empty() ? search.run() : search.run_from(start);
}

}  // namespace l0::detail
