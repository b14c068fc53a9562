// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <l0/models/glm_selection.hpp>
#include <l0/models/regression_pipeline.hpp>

namespace l0 {

namespace detail {

/// A generalised linear model in the terms of the fitting pipeline: the loss is half the deviance.
template <GlmFamily Family>
struct LikelihoodFamily {
  static constexpr bool unknown_variance = false;
  static constexpr double loss_per_square = 0.5;  // the quadratic model of the summed loss falls by c²/(2d)

  template <class Scalar>
  void require_targets(const Vector<Scalar>& y) const {
    Family::require_targets("y", y);
  }

  double loss(double eta, double y) const { return Family::at(y, eta).deviance / 2; }
  struct Working {
    double residual;
    double curvature;
  };
  Working working(double eta, double y) const {
    const GlmPoint point = Family::at(y, eta);
    return {point.residual, point.weight};
  }
  double deviance(double mean_loss, double samples) const { return 2 * samples * mean_loss; }

  template <class Design, class Scalar>
  SelectionResult select(const Design& x, const Vector<Scalar>& y, const Vector<Scalar>& weight,
                         const SelectionOptions& options) const {
    GlmSelection<Design, Family> selection(x, y, weight, options);
    const auto found = selection.run();
    SelectionResult result;
    const auto convert = [](const GlmFit& fit) { return FoundSupport{fit.score, fit.deviance / 2, fit.support}; };
    result.best = convert(found.best);
    for (const GlmFit& fit : found.by_size) result.by_size.push_back(convert(fit));
    return result;
  }

  template <class Design, class Scalar>
  PathPoint<Scalar> refit(const Design& x, const Vector<Scalar>& y, const Vector<Scalar>& weight,
                          std::vector<Index> support, const SelectionOptions& options) const {
    GlmFitter<Design, Family> fitter(x, y, weight, options.centre, options.lambda_l2);
    const GlmFit fit = fitter.fit(std::move(support));
    PathPoint<Scalar> point;
    point.size = fit.size();
    point.support = fit.support;
    point.coefficients = fit.coefficients.template cast<Scalar>();
    point.intercept = static_cast<Scalar>(fit.intercept);
    point.loss = fit.deviance / (2 * static_cast<double>(x.rows()));
    point.separable = fit.separable;
    return point;
  }
};

}  // namespace detail

/// What `LogisticRegression` and `PoissonRegression` share: a likelihood with linear predictor η = X w + b and mean
/// loss deviance/(2n), a price on or a budget for ‖w‖₀, and everything else of `LinearRegression`. The search runs on
/// the quadratic expansion of the likelihood around the best fit, with the same closed formulas; every support it
/// proposes counts only by its likelihood, fitted by Newton's method (iteratively reweighted least squares).
template <std::floating_point Scalar_, detail::GlmFamily GlmFamily>
class GeneralizedLinearModel : public LinearModel<Scalar_> {
 public:
  using Scalar = Scalar_;
  using Family = detail::LikelihoodFamily<GlmFamily>;

  explicit GeneralizedLinearModel(RegressionOptions options = {}) : LinearModel<Scalar>(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), y (n) and, if given, sample weights ≥ 0. Throws `Error` for wrong shapes,
  /// values that are not finite, targets that are none of the family's, no samples, and options outside their ranges;
  /// the model is then as it was.
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& fit(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y,
                              const Eigen::MatrixBase<W>& sample_weight = Vector<Scalar>()) {
    auto fit = detail::with_regression_data<Scalar>(
        x, y, sample_weight, this->options_, [&](const auto& design, const auto& target, const auto& weight) {
          const Family family;
          family.require_targets(target);
          return detail::fit_sparse(family, design, target, weight, this->options_);
        });
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate the data: coefficients have no finite optimum and were stopped");
    }
    if ((y.array() == y.coeff(0)).all()) fit.report.notes.emplace_back("all targets are equal");
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    return *this;
  }

  /// E[y | X]: probabilities or rates.
  template <class X>
  Vector<Scalar> predict_mean(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x).unaryExpr(
        [](Scalar eta) { return static_cast<Scalar>(GlmFamily::mean(static_cast<double>(eta))); });
  }

  /// Σ of the deviances of the samples.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    const Vector<Scalar> eta = this->linear_predictor(x);
    double total = 0;
    for (Index i = 0; i < eta.size(); ++i) {
      total += GlmFamily::at(static_cast<double>(y.derived().coeff(i)), static_cast<double>(eta(i))).deviance;
    }
    return total;
  }

  /// Mean loss, deviance/(2n).
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    return x.rows() == 0 ? 0.0 : deviance(x, y) / (2 * static_cast<double>(x.rows()));
  }

  /// y − E[y | X].
  template <class X, class Y>
  Vector<Scalar> residuals(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    return y.template cast<Scalar>() - predict_mean(x);
  }
};

}  // namespace l0
