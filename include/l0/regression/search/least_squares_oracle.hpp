// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// The oracle of `SupportSearch` for least squares: the active set says the truth, so the present support is the one on
/// which it stands, and fits are free.
template <class Precise>
class LeastSquaresOracle {
 public:
  using Number = Precise;
  static constexpr bool is_exact = true;

  /// All arguments must outlive this object.
  LeastSquaresOracle(const LeastSquaresProblem<Precise>& problem, ActiveSet<Precise>& state, const SupportScore& score)
      : problem_(problem), state_(state), score_(score),
        by_size_(static_cast<std::size_t>(std::min(state.capacity(), state.unit_count()) + 1)) {}
  /// Another judgement of the same problem.
  LeastSquaresOracle(const LeastSquaresOracle& other, const SupportScore& score)
      : LeastSquaresOracle(other.problem_, other.state_, score) {}

  ActiveSet<Precise>& state() { return state_; }
  const Matrix<Precise>& correlation() const { return problem_.correlation; }
  /// Of sizes; an infinite loss where there is none.
  const std::vector<FoundSupport>& by_size() const { return by_size_; }

  /// On a support and the kept units, as far as the rules allow.
  void begin(const std::vector<Index>& more) {
    state_.set(state_.rules().with_kept(more));
    state_.obey_signs();
    record();
  }
  void renew() {}
  Index depth() const { return std::max<Index>(1, best_size() / 2); }

  Index size() const { return state_.size(); }
  double objective() const { return state_.loss(); }
  double score() const { return score_.of_squares(state_.loss(), state_.extent()); }
  bool may_grow() const { return true; }
  bool has_nothing_left() const { return state_.loss() < score_.rounding; }

  double fit(double /*bound*/ = 0) const { return state_.loss(); }
  double fitted_score() const { return score(); }
  void take(bool /*fresh*/) { record(); }
  void take_nearby() { record(); }
  bool is_known() const { return false; }
  void record() {
    const double value = score();
    FoundSupport& same_size = by_size_[static_cast<std::size_t>(state_.size())];
    if (state_.loss() < same_size.loss) same_size = {value, state_.loss(), state_.active(), state_.fit()};
    if (value < best_.score - 0.1 * progress()) best_ = {value, state_.loss(), state_.active(), state_.fit()};
  }

  double best_score() const { return best_.score; }
  Index best_size() const { return static_cast<Index>(best_.support.size()); }
  void stand_on_best() { state_.set(best_.support); }

  /// Takes over what another search on the same problem found of every size.
  void adopt(const std::vector<FoundSupport>& by_size) {
    for (std::size_t k = 0; k < std::min(by_size.size(), by_size_.size()); ++k) {
      if (!(by_size[k].loss < by_size_[k].loss)) continue;
      by_size_[k] = by_size[k];
      by_size_[k].score = score_.of_squares(by_size[k].loss, state_.units().size_of(by_size[k].support));
      if (by_size_[k].score < best_.score - 0.1 * progress()) best_ = by_size_[k];
    }
  }

  double predicted_score() const { return score(); }
  double score_after(const SupportMove& move) const { return score_.of_squares(move.loss, state_.size_after(move)); }
  /// The best add, the best drop and the best swap, with the loss after each.
  std::vector<SupportMove> moves(std::size_t /*swaps*/) const {
    std::vector<Dependent<SupportMove, Precise>> moves;
    double change = 0;
    const Index j = state_.best_add(change);
    if (j >= 0) moves.push_back({SupportMove::Kind::add, -1, j, state_.loss() - change});
    const Index i = state_.best_drop(change);
    if (i >= 0) moves.push_back({SupportMove::Kind::drop, i, -1, state_.loss() + change});
    const SupportMove swap = state_.best_swap(least_gain());
    if (swap.kind != SupportMove::Kind::none) moves.push_back(swap);
    return moves;
  }
  /// Rounding must not count as progress.
  double least_gain() const { return search_constants.swap_gain * state_.loss(); }
  double least_progress() const { return std::numeric_limits<double>::infinity(); }
  int swap_to_rest() {
    constexpr int most = 200;
    for (int made = 0; made < most; ++made) {
      const SupportMove move = state_.best_swap(least_gain());
      if (move.kind == SupportMove::Kind::none) return made;
      state_.apply(move);
    }
    return most;
  }
  /// Descends on the score.
  void settle() {
    constexpr int most = 500;
    for (int made = 0; made < most; ++made) {
      SupportMove best;
      double lowest = score() - progress();
      for (const SupportMove& move : moves(1)) {
        const double value = score_after(move);
        if (value < lowest) lowest = value, best = move;
      }
      if (best.kind == SupportMove::Kind::none) return;
      state_.apply(best);
    }
  }
  /// Where the score is a price on the mean loss, progress is in units of a sample's share.
  double progress() const {
    return search_constants.progress *
           (score_.kind == SupportScore::Kind::price ? std::max(1 / score_.samples, 1e-6) : 1.0);
  }

  /// Of a feature, in units of the squares.
  double feature_price() const {
    const SupportSize size = state_.units().size_of(best_.support);
    const double freedom = std::max(score_.samples - static_cast<double>(size.columns) - 1, 1.0) * score_.responses;
    const double variance = std::max(best_.loss / freedom, score_.rounding / score_.samples);
    return score_.kind == SupportScore::Kind::price ? score_.samples * score_.lambda
                                                    : variance * score_.next_unit(size);
  }
  /// The columns whose Gram rows the path has asked for, at most those that correlate best with the responses.
  std::vector<Index> contenders() const {
    const GramRows<Precise>& gram = state_.gram();
    std::vector<Dependent<Index, Precise>> known;
    for (Index j = 0; j < gram.size(); ++j) {
      if (gram.has(j) && problem_.columns().scale(j) > 0) known.push_back(j);
    }
    if (static_cast<Index>(known.size()) > search_constants.most_gates) {
      sort_stably(known, [&](Index a, Index b) {
        return problem_.correlation.row(a).squaredNorm() > problem_.correlation.row(b).squaredNorm();
      });
      known.resize(static_cast<std::size_t>(search_constants.most_gates));
    }
    return known;
  }

  StepReport report(std::string_view stage, Index step, Index steps) const {
    return search_report(stage, step, steps, score_, state_.loss(), state_.size());
  }

  /// The best support, or where the wanted size is out of reach (rank, rules) the largest below it.
  SelectionResult finish() const {
    SelectionResult result{best_, by_size_};
    if (std::isfinite(best_.score)) return result;
    result.best = {0, problem_.squares, {}};
    for (Index k = std::min(score_.size, static_cast<Index>(by_size_.size()) - 1); k > 0; --k) {
      const FoundSupport& found = by_size_[static_cast<std::size_t>(k)];
      if (!std::isfinite(found.loss)) continue;
      result.best = found;
      break;
    }
    return result;
  }

 private:
  const LeastSquaresProblem<Precise>& problem_;
  ActiveSet<Precise>& state_;
  SupportScore score_;
  FoundSupport best_;
  std::vector<FoundSupport> by_size_;
};

}  // namespace l0::detail
