// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/newton.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/likelihood_expansion.hpp>
#include <l0/regression/search/select.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// The least-squares problem around a fit, for importances: `ridge` is what an L2 penalty adds on the design's columns,
/// `judge` tells the score of its squares.
template <class Precise>
struct Expansion {
  LeastSquaresProblem<Precise> problem;
  double ridge = 0;
  Judge* judge = nullptr;
};

/// Targets, weights and offsets with the loss that they are fitted by: all that the frame of a fit (fit.hpp) knows of
/// them. Losses are means over what the samples are worth; coefficients are of the design's columns.
template <class Precise>
class Response {
 public:
  virtual ~Response() = default;

  virtual const Vector<Precise>& weights() const = 0;
  /// What the samples are worth.
  double samples() const { return weights().sum(); }
  /// Columns of the coefficients, and those of them that are free.
  virtual Index predictors() const = 0;
  virtual Index free_predictors() const { return predictors(); }
  /// Whether the deviance has a variance to estimate.
  virtual bool unknown_variance() const { return false; }
  /// Of the targets: η times this is the user's; and what losses and prices are in.
  virtual Precise unit() const { return 1; }
  virtual Precise loss_unit() const { return 1; }
  /// Null where the loss is the squared error.
  virtual const Likelihood<Precise>* likelihood() const { return nullptr; }

  /// Supports of columns.
  virtual SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const = 0;
  /// Coefficients, intercept and mean loss on a support.
  virtual FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                                  const SelectionOptions& options) const = 0;
  /// The same on the supports of columns of a selection on these data.
  virtual std::vector<FitPoint<Precise>> refit_all(const Design<Precise>& x, const std::vector<FoundSupport>& found,
                                                   const SelectionOptions& options) const = 0;
  /// What the selection itself knows of a support, as far as it matters to which of several is better.
  virtual FitPoint<Precise> rough_point(const FoundSupport& found) const = 0;
  virtual double criterion(const SupportScore& score, double mean_loss, SupportSize size) const = 0;
  virtual Expansion<Precise> expansion(const Design<Precise>& x, const FitPoint<Precise>& point,
                                       const SelectionOptions& options) const = 0;
  /// The mean loss at linear predictors η, and its slope in η.
  virtual double slope(const Matrix<Precise>& eta, Matrix<Precise>& result) const = 0;
  double mean_loss(const Matrix<Precise>& eta) const {
    Matrix<Precise> unused;
    return slope(eta, unused);
  }
  /// Some of the samples.
  virtual std::unique_ptr<Response> rows_at(const std::vector<Index>& wanted) const = 0;
  /// What folds should have in equal shares; empty where there is nothing.
  virtual std::vector<Index> strata() const { return {}; }
  /// The same with what is estimated beside the coefficients at its best on a support; null where there is no such.
  virtual std::unique_ptr<Response> adapted(const Design<Precise>& /*x*/, const std::vector<Index>& /*support*/,
                                            const SelectionOptions& /*options*/) const {
    return nullptr;
  }
};

/// Any likelihood; the loss is half the deviance.
template <class Precise>
class LikelihoodResponse final : public Response<Precise> {
 public:
  explicit LikelihoodResponse(std::shared_ptr<const Likelihood<Precise>> likelihood)
      : likelihood_(std::move(likelihood)) {}

  const Likelihood<Precise>* likelihood() const override { return likelihood_.get(); }
  const Vector<Precise>& weights() const override { return likelihood_->weights(); }
  Index predictors() const override { return likelihood_->predictors(); }
  Index free_predictors() const override { return likelihood_->responses(); }
  Precise unit() const override { return likelihood_->scale().unit; }

  SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const override {
    return select_glm(x, *likelihood_, options);
  }

  FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                          const SelectionOptions& options) const override {
    GlmFitter<Precise> fitter(x, *likelihood_, options.centre, options.lambda_l2);
    return sharp_refit(fitter, fitter.start(std::move(support)), options);
  }

  std::vector<FitPoint<Precise>> refit_all(const Design<Precise>& x, const std::vector<FoundSupport>& found,
                                           const SelectionOptions& options) const override {
    GlmFitter<Precise> fitter(x, *likelihood_, options.centre, options.lambda_l2);
    std::vector<FitPoint<Precise>> points;
    for (const FoundSupport& support : found) {
      const bool known = !support.fit.columns.empty() && support.fit.columns.size() == support.support.size();
      points.push_back(
          sharp_refit(fitter, known ? glm_fit<Precise>(support.fit) : fitter.start(support.support), options));
    }
    return points;
  }

  FitPoint<Precise> rough_point(const FoundSupport& found) const override {
    GlmFit<Precise> fit = glm_fit<Precise>(found.fit);
    fit.deviance = 2 * found.loss;
    return point_of(fit);
  }

  double criterion(const SupportScore& score, double mean_loss, SupportSize size) const override {
    return score.of_deviance(2 * score.samples * mean_loss, size);
  }

  Expansion<Precise> expansion(const Design<Precise>& x, const FitPoint<Precise>& point,
                               const SelectionOptions& options) const override {
    GlmFitter<Precise> fitter(x, *likelihood_, options.centre, options.lambda_l2);
    GlmFit<Precise> fit;
    fit.units = fit.columns = point.support;
    fit.coefficients = likelihood_->free_of(point.coefficients);
    fit.intercept = likelihood_->free_of(point.intercept).array() - origin();
    return {expand_around(fit, fitter), fitter.ridge(), by_deviance};
  }

  double slope(const Matrix<Precise>& eta, Matrix<Precise>& result) const override {
    LikelihoodPoint<Precise> point;
    point.eta = likelihood_->free_of(eta).array() - origin();
    likelihood_->evaluate(point);
    const double n = this->samples();
    result = likelihood_->reported(point.residual) * (-1 / n);
    return point.deviance / (2 * n);
  }

  std::unique_ptr<Response<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    return std::make_unique<LikelihoodResponse>(likelihood_->rows_at(wanted));
  }
  std::vector<Index> strata() const override { return likelihood_->strata(); }

  /// By turns: the coefficients, then what is beside them.
  std::unique_ptr<Response<Precise>> adapted(const Design<Precise>& x, const std::vector<Index>& support,
                                             const SelectionOptions& options) const override {
    if (!likelihood_->adapts()) return nullptr;
    constexpr int most_turns = 100;
    std::shared_ptr<const Likelihood<Precise>> now = likelihood_;
    GlmFit<Precise> fit;
    LikelihoodPoint<Precise> at;
    for (int turn = 0; turn < most_turns; ++turn) {
      // A first look at the targets gives the scale that a first fit needs.
      if (turn == 0) {
        at.eta = RowVector<Precise>(options.centre ? now->null_intercept() : RowVector<Precise>::Zero(1))
                     .replicate(x.rows(), 1);
      } else {
        GlmFitter<Precise> fitter(x, *now, options.centre, options.lambda_l2);
        fit = turn == 1 ? fitter.fit(support) : fitter.fit(fit, {.tolerance = 1e-13});
        fitter.predict(fit, at.eta);
      }
      const double coefficients = static_cast<double>(fit.columns.size()) + (options.centre ? 1 : 0);
      std::shared_ptr<const Likelihood<Precise>> next = now->adapted(at.eta, coefficients);
      if (!next && turn > 0) break;
      if (next) now = std::move(next);
    }
    return std::make_unique<LikelihoodResponse>(std::move(now));
  }

 private:
  /// In units of η.
  Precise origin() const { return likelihood_->scale().origin / likelihood_->scale().unit; }

  FitPoint<Precise> sharp_refit(GlmFitter<Precise>& fitter, const GlmFit<Precise>& start,
                                const SelectionOptions& options) const {
    // A weight that is not the curvature leaves more to the last steps than the last step tells.
    GlmFit<Precise> fit =
        fitter.fit(start, {.tolerance = likelihood_->responses() > 1 ? NewtonLimits().tolerance : 1e-12});
    for (auto sharper = likelihood_->sharpened(); sharper;) {
      auto next = sharper->sharpened();
      GlmFitter<Precise> sharp(fitter.design(), *sharper, options.centre, options.lambda_l2);
      fit = sharp.fit(fit, {.tolerance = next ? 1e-10 : 1e-15});
      sharper = std::move(next);
    }
    return point_of(fit);
  }

  FitPoint<Precise> point_of(const GlmFit<Precise>& fit) const {
    FitPoint<Precise> point;
    point.support = fit.columns;
    point.coefficients = likelihood_->reported(fit.coefficients);
    point.intercept = likelihood_->reported(fit.intercept).array() + origin();
    point.loss = fit.deviance / (2 * this->samples());
    point.separable = fit.separable;
    return point;
  }

  std::shared_ptr<const Likelihood<Precise>> likelihood_;
};

}  // namespace l0::detail
