// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/fitted_supports.hpp>
#include <l0/regression/search/likelihood_expansion.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// The oracle of `SupportSearch` for a likelihood: the active set is that of the quadratic expansion around the present
/// fit. The expansion proposes, the likelihood decides.
template <class Precise>
class LikelihoodOracle {
 public:
  using Number = Precise;
  using Fit = GlmFit<Precise>;
  using Result = typename FittedSupports<Precise>::Result;
  static constexpr bool is_exact = false;

  /// All arguments must outlive this object; `options.score` is complete.
  LikelihoodOracle(const Design<Precise>& x, const Likelihood<Precise>& likelihood, const SelectionOptions& options,
                   Index limit)
      : options_(options), limit_(limit), fits_(x, likelihood, options),
        expansion_(fits_.fitter(), options.score, options.rules, column_capacity(options, limit)) {}

  ActiveSet<Precise>& state() { return expansion_.state(); }
  const Matrix<Precise>& correlation() const { return expansion_.correlation(); }

  /// On a support and the kept units; the expansion around the empty support leaves out constant and dependent columns.
  void begin(const std::vector<Index>& more) {
    fits_.reset(std::max(limit_, static_cast<Index>(options_.rules.keep.size())) + 1);
    fitted_ = fits_.fit(fits_.fitter().fit(std::vector<Index>()));
    expansion_.stand_on(fitted_, true);
    state().set(options_.rules.with_kept(more));
    state().obey_signs();
    if (state().size() > 0) fit();
    take(false);
  }
  void renew() { expansion_.stand_on(current_, true); }
  Index depth() const { return std::max<Index>(1, best_size() - std::max<Index>(2, best_size() / 8)); }

  Index size() const { return current_.size(); }
  double objective() const { return current_.objective; }
  double score() const { return current_.score; }
  /// Beyond a support that separates the data nothing is to be learned, unless a size is asked for.
  bool may_grow() const { return options_.score.kind == SupportScore::Kind::exact || !current_.separable; }
  bool has_nothing_left() const { return false; }

  double fit(double bound = std::numeric_limits<double>::infinity()) {
    fitted_ = fits_.fit(expansion_.expected(), bound);
    return fitted_.objective;
  }
  double fitted_score() const { return fitted_.score; }
  void take(bool fresh) {
    current_ = fitted_;
    fits_.record(current_);
    expansion_.stand_on(current_, fresh);
  }
  /// On the old expansion where that has foretold the objective.
  void take_nearby() {
    if (state().active_columns().size() != fitted_.columns.size() ||
        !(std::abs(fitted_.objective - state().loss()) < search_constants.foresight))
      return take(false);
    current_ = fitted_;
    fits_.record(current_);
  }
  bool is_known() { return fits_.is_known(expansion_.expected()); }
  void record() { fits_.record(fitted_); }

  double best_score() const { return fits_.best().score; }
  Index best_size() const { return fits_.best().size(); }
  void stand_on_best() {
    fitted_ = fits_.best();
    take(true);
  }

  double predicted_score() const { return expansion_.score(); }
  double score_after(const SupportMove& move) const { return expansion_.score_after(move); }
  std::vector<SupportMove> moves(std::size_t swaps) const { return expansion_.moves_from_here(swaps); }
  double least_gain() const { return expansion_.least_gain(); }
  double least_progress() const {
    return current_.objective - search_constants.progress * (1 + std::abs(current_.objective));
  }
  int swap_to_rest() { return expansion_.swap_to_rest(); }
  void settle() { expansion_.descend(); }
  double progress() const { return fits_.progress(); }

  /// Of a feature, in units of the deviance: the responses of the expansion have unit variance.
  double feature_price() const {
    const bool priced = options_.score.kind == SupportScore::Kind::price;
    return (priced ? options_.score.lambda : options_.score.next_unit(fits_.best().extent())) /
           options_.score.deviance_unit();
  }
  /// The best support and the columns that would gain most beside it, in ascending order.
  std::vector<Index> contenders() {
    const Index room = std::clamp<Index>(search_constants.most_gates - best_size(), 0, search_constants.outside_gates);
    std::vector<Index> contenders = state().best_adds(room);
    contenders.insert(contenders.end(), fits_.best().units.begin(), fits_.best().units.end());
    std::sort(contenders.begin(), contenders.end());
    expansion_.fetch(contenders);
    return contenders;
  }

  StepReport report(std::string_view stage, Index step, Index steps) {
    const Fit& fit = stage == "chains" ? fits_.best() : current_;
    if (stage == "backward") return search_report(stage, step, steps, options_.score, state().loss(), state().size());
    return search_report(stage, step, steps, options_.score, fit.objective, fit.size());
  }

  Result finish() { return fits_.finish(); }

 private:
  const SelectionOptions& options_;
  Index limit_;
  FittedSupports<Precise> fits_;
  LikelihoodExpansion<Precise> expansion_;
  Fit current_, fitted_;
};

}  // namespace l0::detail
