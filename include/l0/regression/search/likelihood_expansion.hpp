// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/move.hpp>

namespace l0::detail {

/// η at the weighted means of the columns.
template <class Precise>
RowVector<Precise> level_at_means(const GlmFit<Precise>& fit, const StandardizedDesign<Precise>& columns) {
  RowVector<Precise> level = fit.intercept;
  for (std::size_t i = 0; i < fit.columns.size(); ++i)
    level += fit.coefficients.row(static_cast<Index>(i)) * columns.mean(fit.columns[i]);
  return level;
}

/// The likelihood around η as weighted least squares: with r the residuals, D the weights and u = η − η̄ the centred
/// predictors, of u + r/D, the working response of iteratively reweighted least squares, up to a constant. Writes
/// D (u + r/D) and returns the constant that makes the sum of squares a deviance. A likelihood of several predictors
/// has a matrix for a weight; its mean over the directions stands for it.
template <class Precise>
double working_response(const LikelihoodPoint<Precise>& point, const RowVector<Precise>& origin,
                        const Vector<Precise>& weight, Matrix<Precise>& response) {
  double squares = point.deviance;
  response.resize(point.eta.rows(), point.eta.cols());
  for (Index m = 0; m < response.cols(); ++m) {
    for (Index i = 0; i < response.rows(); ++i) {
      const double u = point.eta(i, m) - origin(m);
      const double pull = weight(i) * u;
      squares += u * (2 * point.residual(i, m) + pull);
      response(i, m) = point.residual(i, m) + pull;
    }
  }
  return squares;
}

/// The expansion around a fit as a least-squares problem over all columns.
template <class Precise>
LeastSquaresProblem<Precise> expand_around(const GlmFit<Precise>& fit, const GlmFitter<Precise>& fitter) {
  LikelihoodPoint<Precise> point;
  fitter.predict(fit, point.eta);
  fitter.likelihood().evaluate(point);
  Vector<Precise> curvature;
  fitter.likelihood().scalar_curvature(point, curvature);
  auto columns = std::make_unique<StandardizedDesign<Precise>>(fitter.design());
  columns->set_weights(curvature, fitter.centre());
  Matrix<Precise> response;
  const double squares = working_response(point, level_at_means(fit, *columns), columns->weights(), response);
  Matrix<Precise> correlation = columns->correlate(response);
  return {std::move(columns), std::move(correlation), squares};
}

/// The objective of a generalised linear model around one fit, replaced by its second-order expansion: least squares
/// with the curvatures of the likelihood as weights, in units of the deviance. ActiveSet then knows what every single
/// add, drop and swap would do. Only proposals come from here: a support counts by its true likelihood.
template <class Precise>
class LikelihoodExpansion {
 public:
  using Fit = GlmFit<Precise>;

  LikelihoodExpansion(GlmFitter<Precise>& fitter, const SupportScore& score, const SupportRules& rules, Index capacity)
      : fitter_(&fitter), score_(score), capacity_(capacity), columns_(fitter.design()),
        gram_(columns_, fitter.ridge()), state_(gram_, rules) {}
  LikelihoodExpansion(const LikelihoodExpansion&) = delete;
  LikelihoodExpansion& operator=(const LikelihoodExpansion&) = delete;

  ActiveSet<Precise>& state() { return state_; }
  void fetch(const std::vector<Index>& columns) { gram_.fetch(columns); }
  /// X̃ᵀ of the response that the expansion amounts to.
  const Matrix<Precise>& correlation() const { return correlation_; }

  /// Expands around `fit` and stands on its support. The weights, and with them the Gram rows, are kept while the
  /// objective stays near the one they were made for, unless they are to be `fresh`: the gradient is exact all the
  /// same.
  void stand_on(const Fit& fit, bool fresh = false) {
    fitter_->predict(fit, point_.eta);
    fitter_->likelihood().evaluate(point_);
    const double distance = std::abs(fit.objective - made_at_);
    if (fresh ? distance != 0 : !(distance < search_constants.drift * made_at_)) renew(fit.objective);
    gram_.fetch(fit.columns);
    origin_ = level_at_means(fit, columns_);
    const double squares = working_response(point_, origin_, columns_.weights(), response_);
    correlation_ = columns_.correlate(response_);
    state_.reset(correlation_, squares, capacity_);
    state_.set(fit.units);
  }

  /// The coefficients that the expansion expects on its present support: where a fit of it should start.
  Fit expected() const {
    const std::vector<Index>& active = state_.active_columns();
    std::vector<Dependent<Index, Precise>> order(active.size());
    std::iota(order.begin(), order.end(), Index{0});
    const auto column = [&](Index i) { return active[static_cast<std::size_t>(i)]; };
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return column(a) < column(b); });
    Fit fit;
    fit.units = state_.active();
    std::sort(fit.units.begin(), fit.units.end());
    fit.coefficients.resize(static_cast<Index>(order.size()), fitter_->responses());
    for (const Index i : order) {
      fit.coefficients.row(static_cast<Index>(fit.columns.size())) = state_.beta(i) * columns_.scale(column(i));
      fit.columns.push_back(column(i));
    }
    fit.intercept = RowVector<Precise>::Zero(fitter_->responses());
    if (fitter_->centre()) fit.intercept = origin_ - level_at_means(fit, columns_);
    return fit;
  }

  double score() const { return score_.of_deviance(state_.loss(), state_.extent()); }

  /// Swaps smaller than this are left alone: the expansion is not that exact.
  double least_gain() const { return search_constants.rough_gain * std::abs(state_.loss()); }

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
      double lowest = score() - 1e-4 * score_.deviance_unit();
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

  /// The best add, the best drop and the best `swaps` swaps, with the loss after each.
  std::vector<SupportMove> moves_from_here(std::size_t swaps) const {
    const double loss = state_.loss();
    std::vector<Dependent<SupportMove, Precise>> moves = state_.best_swaps(swaps, least_gain());
    double change = 0;
    const Index j = state_.best_add(change);
    if (j >= 0) moves.push_back({SupportMove::Kind::add, -1, j, loss - change});
    const Index i = state_.best_drop(change);
    if (i >= 0) moves.push_back({SupportMove::Kind::drop, i, -1, loss + change});
    return moves;
  }

  double score_after(const SupportMove& move) const { return score_.of_deviance(move.loss, state_.size_after(move)); }

 private:
  void renew(double objective) {
    fitter_->likelihood().scalar_curvature(point_, curvature_);
    columns_.set_weights(curvature_, fitter_->centre());
    gram_.reset();
    made_at_ = objective;
  }

  GlmFitter<Precise>* fitter_;
  SupportScore score_;
  Index capacity_;
  StandardizedDesign<Precise> columns_;
  GramRows<Precise> gram_;
  ActiveSet<Precise> state_;
  double made_at_ = -1;
  RowVector<Precise> origin_;
  LikelihoodPoint<Precise> point_;
  Matrix<Precise> response_;
  Vector<Precise> curvature_;
  Matrix<Precise> correlation_;
};

}  // namespace l0::detail
