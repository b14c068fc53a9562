// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/likelihood_oracle.hpp>
#include <l0/regression/search/likelihood_search.hpp>
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
  /// Of the targets: η times this is the user's, losses go by its square.
  virtual Precise unit() const { return 1; }

  /// Supports of columns.
  virtual SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const = 0;
  /// Coefficients, intercept and mean loss on a support.
  virtual FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                                  const SelectionOptions& options) const = 0;
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
};

/// Any likelihood; the loss is half the deviance.
template <class Precise>
class LikelihoodResponse final : public Response<Precise> {
 public:
  explicit LikelihoodResponse(std::unique_ptr<const Likelihood<Precise>> likelihood)
      : likelihood_(std::move(likelihood)) {}

  const Likelihood<Precise>& likelihood() const { return *likelihood_; }
  const Vector<Precise>& weights() const override { return likelihood_->weights(); }
  Index predictors() const override { return likelihood_->predictors(); }
  Index free_predictors() const override { return likelihood_->responses(); }

  SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const override {
    return select_glm(x, *likelihood_, options);
  }

  FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                          const SelectionOptions& options) const override {
    GlmFitter<Precise> fitter(x, *likelihood_, options.centre, options.lambda_l2);
    const auto fit = fitter.fit(std::move(support));
    FitPoint<Precise> point;
    point.support = fit.columns;
    point.coefficients = likelihood_->reported(fit.coefficients);
    point.intercept = likelihood_->reported(fit.intercept);
    point.loss = fit.deviance / (2 * this->samples());
    point.separable = fit.separable;
    return point;
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
    fit.intercept = likelihood_->free_of(point.intercept);
    return {expand_around(fit, fitter), fitter.ridge(), by_deviance};
  }

  double slope(const Matrix<Precise>& eta, Matrix<Precise>& result) const override {
    LikelihoodPoint<Precise> point;
    point.eta = likelihood_->free_of(eta);
    likelihood_->evaluate(point);
    const double n = this->samples();
    result = likelihood_->reported(point.residual) * (-1 / n);
    return point.deviance / (2 * n);
  }

  std::unique_ptr<Response<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    return std::make_unique<LikelihoodResponse>(likelihood_->rows_at(wanted));
  }
  std::vector<Index> strata() const override { return likelihood_->strata(); }

 private:
  std::unique_ptr<const Likelihood<Precise>> likelihood_;
};

}  // namespace l0::detail
