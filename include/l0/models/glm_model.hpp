// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <l0/models/criterion.hpp>
#include <l0/models/glm_fit.hpp>
#include <l0/models/subset_state.hpp>

namespace l0::detail {

/// The objective of a generalised linear model around one fit, replaced by its second-order expansion: least squares
/// with the curvatures of the likelihood as weights, in units of the deviance. SubsetState then knows what every single
/// add, drop and swap would do. Only proposals come from here: a support counts by its true likelihood.
template <class Design, GlmFamily Family>
class GlmModel {
 public:
  using Scalar = typename Design::Scalar;

  GlmModel(GlmFitter<Design, Family>& fitter, const SupportScore& score, const SupportRules& rules, Index capacity)
      : fitter_(&fitter), score_(score), capacity_(capacity), columns_(fitter.columns().design()),
        gram_(columns_, fitter.ridge()), state_(gram_, rules) {}
  GlmModel(const GlmModel&) = delete;
  GlmModel& operator=(const GlmModel&) = delete;

  SubsetState<Design>& state() { return state_; }
  const GramRows<Design>& gram() const { return gram_; }
  void fetch(const std::vector<Index>& columns) { gram_.fetch(columns); }
  /// X̃ᵀ of the response that the expansion amounts to.
  const Matrix<Scalar>& correlation() const { return correlation_; }

  /// Expands around `fit` and stands on its support. The weights, and with them the Gram rows, are kept while the
  /// objective stays near the one they were made for, unless they are to be `fresh`: the gradient is exact all the
  /// same.
  ///
  /// With r the residuals, D the weights and u = η − η̄ the centred linear predictor, the expansion is the weighted
  /// least squares of u + r/D, the working response of iteratively reweighted least squares, up to a constant.
  void stand_on(const GlmFit& fit, bool fresh = false) {
    fitter_->predict(fit, eta_);
    const double distance = std::abs(fit.objective - made_at_);
    if (fresh ? distance != 0 : !(distance < drift * made_at_)) renew(fit.objective);
    gram_.fetch(fit.support);
    origin_ = level(fit);
    double squares = fit.deviance;
    response_.resize(eta_.size(), 1);
    for (Index i = 0; i < eta_.size(); ++i) {
      const double residual = fitter_->weights()(i) * Family::at(fitter_->targets()(i), eta_(i)).residual;
      const double u = eta_(i) - origin_;
      const double pull = static_cast<double>(curvature_(i)) * u;
      squares += u * (2 * residual + pull);
      response_(i, 0) = static_cast<Scalar>(residual + pull);
    }
    correlation_ = columns_.correlate(response_);
    state_.reset(correlation_, squares, capacity_);
    state_.set(fit.support);
  }

  /// The coefficients that the expansion expects on its present support: where a fit of it should start.
  GlmFit expected() const {
    std::vector<std::pair<Index, double>> entries;
    for (Index i = 0; i < state_.size(); ++i) {
      const Index j = state_.active()[static_cast<std::size_t>(i)];
      entries.emplace_back(j, state_.beta(i)(0) * static_cast<double>(columns_.scale(j)));
    }
    std::sort(entries.begin(), entries.end());
    GlmFit fit;
    fit.coefficients.resize(state_.size());
    for (const auto& [j, coefficient] : entries) {
      fit.coefficients(fit.size()) = coefficient;
      fit.support.push_back(j);
    }
    fit.intercept = fitter_->centre() ? origin_ - level(fit) : 0.0;
    return fit;
  }

  double score() const { return score_.of_deviance(state_.loss(), state_.size()); }

  /// Swaps smaller than this are left alone: the expansion is not that exact.
  double least_gain() const { return 1e-5 * std::abs(state_.loss()); }

  /// Swaps until none helps; the number made.
  int swap_to_rest() {
    constexpr int most = 20;
    for (int made = 0; made < most; ++made) {
      const SupportMove move = state_.best_swap(least_gain());
      if (move.kind == SupportMove::Kind::none) return made;
      state_.apply(move);
    }
    return most;
  }

  /// Steepest descent on the score within the expansion.
  void descend() {
    for (int moves = 0; moves < 100; ++moves) {
      SupportMove best;
      double lowest = score() - 1e-4 * deviance_unit();
      for (const SupportMove& move : moves_from_here(1)) {
        const double value = score_after(move);
        if (value < lowest) {
          lowest = value;
          best = move;
        }
      }
      if (best.kind == SupportMove::Kind::none) return;
      state_.apply(best);
    }
  }

  /// Brings the state to `size` columns by single adds or drops.
  void resize(Index size) {
    double change = 0;
    while (state_.size() > size) {
      const Index i = state_.best_drop(change);
      if (i < 0) return;
      state_.drop(i);
    }
    while (state_.size() < size) {
      const Index j = state_.best_add(change);
      if (j < 0 || !state_.add(j)) return;
    }
  }

  /// The best add, the best drop and the best `swaps` swaps, with the loss after each.
  std::vector<SupportMove> moves_from_here(std::size_t swaps) const {
    const double loss = state_.loss();
    std::vector<SupportMove> moves = state_.best_swaps(swaps, least_gain());
    double change = 0;
    const Index j = state_.best_add(change);
    if (j >= 0) moves.push_back({SupportMove::Kind::add, -1, j, loss - change});
    const Index i = state_.best_drop(change);
    if (i >= 0) moves.push_back({SupportMove::Kind::drop, i, -1, loss + change});
    return moves;
  }

  double score_after(const SupportMove& move) const {
    const Index change = move.kind == SupportMove::Kind::add ? 1 : move.kind == SupportMove::Kind::drop ? -1 : 0;
    return score_.of_deviance(move.loss, state_.size() + change);
  }

  /// How much a unit of the deviance counts in the score.
  double deviance_unit() const { return score_.kind == SupportScore::Kind::price ? 1 / (2 * score_.samples) : 1.0; }

 private:
  void renew(double objective) {
    curvature_.resize(eta_.size());
    for (Index i = 0; i < eta_.size(); ++i) {
      const double weight = fitter_->weights()(i) * Family::at(fitter_->targets()(i), eta_(i)).weight;
      curvature_(i) = static_cast<Scalar>(weight);
    }
    columns_.set_weights(curvature_, fitter_->centre());
    gram_.reset();
    made_at_ = objective;
  }

  /// η at the weighted means of the columns.
  double level(const GlmFit& fit) const {
    double value = fit.intercept;
    for (Index i = 0; i < fit.size(); ++i) {
      value += fit.coefficients(i) * static_cast<double>(columns_.mean(fit.support[static_cast<std::size_t>(i)]));
    }
    return value;
  }

  static constexpr double drift = 0.1;  // of the objective, before the weights are made anew

  GlmFitter<Design, Family>* fitter_;
  SupportScore score_;
  Index capacity_;
  StandardizedColumns<Design> columns_;
  GramRows<Design> gram_;
  SubsetState<Design> state_;
  double made_at_ = -1;
  double origin_ = 0;
  Vector<typename Family::Precise> eta_;
  Matrix<Scalar> response_;
  Vector<Scalar> curvature_;
  Matrix<Scalar> correlation_;
};

}  // namespace l0::detail
