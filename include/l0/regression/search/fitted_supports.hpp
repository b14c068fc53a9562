// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/newton.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// The fits of a search by the likelihood: the best of all and the best of every size are remembered.
template <class Precise>
class FittedSupports {
 public:
  using Fit = GlmFit<Precise>;

  /// The best fit found; `by_size` has the best of every size that was met, an infinite deviance where there is none.
  struct Result {
    Fit best;
    std::vector<Fit> by_size;
  };

  /// The arguments must outlive this object.
  FittedSupports(const Design<Precise>& x, const Likelihood<Precise>& likelihood, const SelectionOptions& options)
      : options_(&options), fitter_(x, likelihood, options.centre, options.lambda_l2) {}

  GlmFitter<Precise>& fitter() { return fitter_; }
  const GlmFitter<Precise>& fitter() const { return fitter_; }
  const Fit& best() const { return best_; }

  /// Forgets all fits; takes sizes up to `largest`.
  void reset(Index largest) {
    best_ = Fit();
    by_size_.assign(static_cast<std::size_t>(largest + 1), Fit());
  }

  /// Two fits of one support may differ by this much.
  double progress() const {
    return std::max(search_constants.progress, 10 * search_tolerance()) * options_->score.deviance_unit();
  }

  /// Whether the best of its size has the support of `proposal`.
  bool is_known(const Fit& proposal) { return same_size(proposal.size()).units == proposal.units; }

  /// Fits the support of `start`, less what the rules forbid. Gives up where the objective cannot get below `bound`.
  Fit fit(const Fit& start, double bound = infinite) {
    Fit result = fitter_.fit(start, {.bound = bound, .tolerance = search_tolerance(), .rough = true});
    while (options_->rules.non_negative && leave_out_most_negative(result))
      result = fitter_.fit(result, {.bound = bound, .rough = true});
    result.score = options_->score.of_deviance(result.objective, result.extent());
    return result;
  }

  void record(const Fit& fit) {
    if (fit.objective < same_size(fit.size()).objective) same_size(fit.size()) = fit;
    if (fit.score < best_.score - progress()) best_ = fit;
  }

  /// Hands everything over, the best with all its digits.
  Result finish() {
    if (!std::isfinite(best_.score)) best_ = nearest_below();
    best_ = to_the_last_digit(best_);
    same_size(best_.size()) = best_;
    return {best_, std::move(by_size_)};
  }

 private:
  static constexpr double infinite = std::numeric_limits<double>::infinity();

  Fit& same_size(Index k) { return by_size_[static_cast<std::size_t>(k)]; }

  /// With many coefficients a step of Newton's method costs more than the digits it brings: those of the best support
  /// are made up for at the end.
  double search_tolerance() const { return fitter_.responses() > 1 ? 1e-5 : NewtonLimits().tolerance; }

  /// False where no coefficient is forbidden.
  bool leave_out_most_negative(Fit& fit) {
    Index worst = -1;
    for (Index i = 0; i < fit.size(); ++i) {
      if (fit.coefficients(i, 0) < 0 && (worst < 0 || fit.coefficients(i, 0) < fit.coefficients(worst, 0))) worst = i;
    }
    if (worst < 0) return false;
    fit.leave_out(worst);
    return true;
  }

  /// Where the wanted size is out of reach (separable data, rank, rules): the largest support below it.
  Fit nearest_below() const {
    for (Index k = std::min(options_->score.size, static_cast<Index>(by_size_.size()) - 1); k > 0; --k) {
      const Fit& fit = by_size_[static_cast<std::size_t>(k)];
      if (std::isfinite(fit.objective)) return fit;
    }
    return by_size_.front();
  }

  Fit to_the_last_digit(const Fit& rough) {
    Fit fit = fitter_.fit(rough, {.tolerance = 1e-15});
    fit.score = options_->score.of_deviance(fit.objective, fit.extent());
    return fit;
  }

  const SelectionOptions* options_;
  GlmFitter<Precise> fitter_;
  std::vector<Fit> by_size_;
  Fit best_;
};

}  // namespace l0::detail
