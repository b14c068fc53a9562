// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <l0/gates/proposal.hpp>
#include <l0/regression/search/subset_search.hpp>

namespace l0::detail {

/// What a selection needs to know beside the data.
struct SelectionOptions {
  SupportScore score;  ///< samples, features, responses and unit_width are filled in
  SupportRules rules;
  double lambda_l2 = 0;        ///< on the coefficients, beside the mean loss
  bool centre = true;          ///< the model has an intercept
  Index max_size = 100;        ///< of the supports looked at, where no size is asked for
  bool whole_path = false;     ///< look at every size up to max_size, not only until the score stops falling
  std::vector<Index> start{};  ///< units of an earlier fit: one more support to search from
  FitRun* run = nullptr;       ///< hears of the steps; null: nobody does

  bool stopped() const { return run != nullptr && run->stopped(); }
};

/// The score for n samples, p columns in their units, and so many free coefficients per column.
inline SupportScore complete_score(const SelectionOptions& options, Index samples, Index columns, Index responses) {
  SupportScore score = options.score;
  const Index units = options.rules.units.count(columns);
  score.samples = static_cast<double>(samples);
  score.features = static_cast<double>(units);
  score.responses = static_cast<double>(responses);
  score.unit_width = units > 0 ? static_cast<double>(columns) / static_cast<double>(units) : 1.0;
  return score;
}

/// The largest support worth looking at, in units: where the columns are not far fewer than the samples, larger ones
/// fit noise.
inline Index support_limit(Index samples, Index columns, const SelectionOptions& options) {
  const Index units = options.rules.units.count(columns);
  Index room = units;
  if (columns > samples / 2) {
    room = std::max<Index>(static_cast<Index>(static_cast<double>(samples / 2) / options.score.unit_width), 1);
  }
  return std::min({units, options.max_size, room});
}

/// The columns a search needs room for when it looks at `limit` units.
template <std::same_as<SelectionOptions> Options>
Index column_capacity(const Options& options, Index limit) {
  return options.rules.units.widest(std::max(limit, static_cast<Index>(options.rules.keep.size())) + 1);
}

/// The best support found; `by_size` has the best of every size that was met. Supports are of units while a search
/// goes on, and of columns in what `select_least_squares` and `select_glm` return.
struct SelectionResult {
  FoundSupport best;
  std::vector<FoundSupport> by_size;
};

/// A least-squares problem of standardized columns: their correlations with the responses, and Σ D(Y−Ȳ)².
template <class Design>
struct LeastSquaresProblem {
  using Scalar = typename Design::Scalar;

  StandardizedColumns<Design> columns;
  Matrix<Scalar> correlation;
  double squares = 0;

  /// From columns and correlations that are known.
  LeastSquaresProblem(StandardizedColumns<Design> standardized, Matrix<Scalar> correlations, double sum_of_squares)
      : columns(std::move(standardized)), correlation(std::move(correlations)), squares(sum_of_squares) {}

  /// `y` is n × responses, `weight` has mean 1. The design must outlive the problem.
  LeastSquaresProblem(const Design& x, const Matrix<Scalar>& y, const Vector<Scalar>& weight, bool centre)
      : columns(x) {
    columns.set_weights(weight, centre);
    Matrix<Scalar> weighted = y;
    for (Index m = 0; m < y.cols(); ++m) {
      if (centre) weighted.col(m).array() -= y.col(m).dot(weight) / weight.sum();
      squares += static_cast<double>((weighted.col(m).array().square() * weight.array()).sum());
      weighted.col(m).array() *= weight.array();
    }
    correlation = columns.correlate(weighted);
  }
};

/// The search on all columns of one problem: a path up and down with swaps at every size, descent on the score,
/// supports proposed by the gates, and ejection chains from the best of all.
template <class Design>
class SupportSelection {
 public:
  using Scalar = typename Design::Scalar;

  SupportSelection(const LeastSquaresProblem<Design>& problem, const SelectionOptions& options, Index limit)
      : problem_(problem), options_(options), limit_(limit),
        gram_(problem.columns, static_cast<double>(problem.columns.rows()) * options.lambda_l2),
        state_(gram_, options_.rules) {
    state_.reset(problem.correlation, problem.squares, column_capacity(options_, limit_));
    search_.emplace(state_, options_.score, options_.run);
  }

  /// From the empty support.
  SelectionResult run() {
    const bool exact = options_.score.kind == SupportScore::Kind::exact;
    state_.set(options_.rules.keep);
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
    stand_on(start);
    search_->descend();
    return polish();
  }

 private:
  static constexpr Index chain_rounds = 20;
  static constexpr Index chain_moves = 20;  // excursions per round
  static constexpr Index most_gates = 256;  // columns the gates compete on

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
    if (std::isfinite(search_->best().score) && !options_.stopped()) {
      state_.set(search_->best().support);
      search_->descend();
      if (options_.rules.empty() && options_.rules.units.trivial()) try_proposals();
      search_->chains(chain_rounds, chain_moves);
    }
    SelectionResult result{search_->best(), search_->by_size()};
    if (!std::isfinite(result.best.score)) result.best = nearest_below(result.by_size);
    return result;
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
    const Matrix<Scalar> gram = gram_of(gram_, contenders);
    const Matrix<Scalar> correlation = rows_of(problem_.correlation, contenders);
    std::vector<std::vector<Dependent<Index, Scalar>>> seen;
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
    std::vector<Dependent<Index, Scalar>> known;
    for (Index j = 0; j < gram_.size(); ++j) {
      if (gram_.has(j) && problem_.columns.scale(j) > 0) known.push_back(j);
    }
    if (static_cast<Index>(known.size()) > most_gates) {
      std::stable_sort(known.begin(), known.end(), [&](Index a, Index b) {
        return problem_.correlation.row(a).squaredNorm() > problem_.correlation.row(b).squaredNorm();
      });
      known.resize(static_cast<std::size_t>(most_gates));
    }
    return known;
  }

  const LeastSquaresProblem<Design>& problem_;
  SelectionOptions options_;
  Index limit_;
  GramRows<Design> gram_;
  SubsetState<Design> state_;
  std::optional<SubsetSearch<Design>> search_;
};

}  // namespace l0::detail
