// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/likelihood_oracle.hpp>
#include <l0/regression/search/likelihood_search.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/stream.hpp>

namespace l0 {

namespace detail {

/// A likelihood as a family in the sense of fit.hpp: the loss is half the deviance. `Derived` gives
/// likelihood(y, weight) and from_free(coefficients or intercept in the likelihood's free directions).
template <class Derived, int Responses>
struct LikelihoodPipeline {
  static constexpr int responses = Responses;
  static constexpr int target_columns = 1;
  static constexpr bool unknown_variance = false;

  double criterion(const SupportScore& score, double mean_loss, SupportSize size) const {
    return score.of_deviance(2 * score.samples * mean_loss, size);
  }

  template <class Design, class Y, class Scalar>
  SelectionResult select(const Design& x, const Y& y, const Vector<Scalar>& weight,
                         const SelectionOptions& options) const {
    return select_glm(x, self().likelihood(y, weight), options);
  }

  template <class Design, class Y, class Scalar>
  PathPoint<Scalar, Responses> refit(const Design& x, const Y& y, const Vector<Scalar>& weight,
                                     std::vector<Index> support, const SelectionOptions& options) const {
    auto fitter = fitter_for(x, y, weight, options);
    const auto fit = fitter.fit(std::move(support));
    PathPoint<Scalar, Responses> point;
    point.support = fit.columns;
    point.coefficients = self().from_free(fit.coefficients).template cast<Scalar>();
    point.intercept = to_intercept<Scalar, Responses>(self().from_free(fit.intercept));
    point.loss = fit.deviance / (2 * static_cast<double>(x.rows()));
    point.separable = fit.separable;
    return point;
  }

  template <class Design, class Y, class Scalar, class Use>
  void with_expansion(const Design& x, const Y& y, const Vector<Scalar>& weight,
                      const PathPoint<Scalar, Responses>& point, const SelectionOptions& options, Use use) const {
    auto fitter = fitter_for(x, y, weight, options);
    const auto problem = expand_around(fitter.fit(point.support), fitter);
    use(problem, fitter.ridge(), by_deviance);
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }

  template <class Design, class Y, class Scalar>
  auto fitter_for(const Design& x, const Y& y, const Vector<Scalar>& weight, const SelectionOptions& options) const {
    auto likelihood = self().likelihood(y, weight);
    return GlmFitter<Design, decltype(likelihood)>(x, std::move(likelihood), options.centre, options.lambda_l2);
  }
};

/// Logistic and Poisson models.
template <GlmFamily Family>
struct LikelihoodFamily : LikelihoodPipeline<LikelihoodFamily<Family>, 1> {
  template <class Y>
  Index free_responses(const Y&) const {
    return 1;
  }
  template <class Y>
  Index predictors(const Y&) const {
    return 1;
  }
  template <class Scalar>
  PointwiseLikelihood<Family> likelihood(const Vector<Scalar>& y, const Vector<Scalar>& weight) const {
    return {y.template cast<typename Family::Precise>(), weight.template cast<typename Family::Precise>()};
  }
  template <class M>
  const M& from_free(const M& theta) const {
    return theta;
  }
  template <class Eta, class Target>
  double loss(const Eta& eta, const Target& y) const {
    return Family::at(static_cast<double>(y(0)), static_cast<double>(eta(0))).deviance / 2;
  }
  /// The mean loss and its slope in η.
  template <class Scalar>
  double slope(const Matrix<Scalar>& eta, const Vector<Scalar>& y, const Vector<Scalar>& weight,
               Matrix<Scalar>& result) const {
    result.resize(eta.rows(), 1);
    double total = 0;
    const auto n = static_cast<double>(eta.rows());
    for (Index i = 0; i < eta.rows(); ++i) {
      const GlmPoint at = Family::at(static_cast<double>(y(i)), static_cast<double>(eta(i, 0)));
      const auto w = static_cast<double>(weight(i)) / n;
      total += w * at.deviance / 2;
      result(i, 0) = static_cast<Scalar>(-w * at.residual);
    }
    return total;
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
  using Scalar = Scalar_;                              ///< float or double
  using Family = detail::LikelihoodFamily<GlmFamily>;  ///< the loss and its search
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  /// What `y` asks for. Throws `Error` for targets that the family does not know.
  static Family family_for(const Vector<Scalar>& y) {
    GlmFamily::require_targets("y", y);
    return {};
  }

  /// Options are checked by `fit`, against its data.
  explicit GeneralizedLinearModel(RegressionOptions options = {}) : LinearModel<Scalar>(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), y (n) and, if given, sample weights ≥ 0. Throws `Error` for wrong shapes,
  /// values that are not finite, targets that are none of the family's, no samples, and options outside their ranges;
  /// the model is then as it was.
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    auto fit = detail::with_regression_data<Scalar, 1>(
        x, y, sample_weight, this->options_, [&](const auto& design, const auto& target, const auto& weight) {
          const Family family = family_for(target);
          return detail::fit_sparse(family, design, target, weight, this->options_, this->start_for(x.cols()));
        });
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate the data: coefficients have no finite optimum and were stopped");
    }
    if ((y.derived().array() == y.coeff(0)).all()) fit.report.notes.emplace_back("all targets are equal");
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    moments_ = {};
    return *this;
  }

  /// Adds samples to those of earlier calls, which need not be kept: of each call's likelihood the quadratic expansion
  /// at the coefficients it led to is, p² numbers (the renewable estimator, Luo & Song, JRSS B 82, 2020). Close to
  /// `fit` on all samples at once, the closer the larger the first calls. `fit` forgets them. The loss in the report is
  /// the quadratic one. Throws `Error` as `fit` does, for another number of features than before, and for options that
  /// need the samples again (`folds`, sampled gates).
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    const RegressionOptions& options = this->options_;
    detail::require_streamable(options, moments_.columns(), x.cols(), moments_.empty());
    detail::with_regression_data<Scalar, 1>(
        x, y, sample_weight, options, [&](const auto& design, const auto& target, const auto& unit_weight) {
          const Family family = family_for(target);
          detail::FitRun run(options.callback);
          detail::SparseFit<Scalar, 1> fit;
          if (moments_.empty()) {
            fit = detail::fit_sparse(family, design, target, unit_weight, options, this->start_for(x.cols()), run);
          } else {
            fit.point.support = this->selected_features();
            fit.point.intercept = this->intercept();
            fit.point.coefficients = detail::rows_of(this->coefficients(), fit.point.support);
          }
          Vector<Scalar> weight = unit_weight;
          if (sample_weight.size() > 0) {
            weight *=
                static_cast<Scalar>(detail::as_matrix(sample_weight).template cast<double>().sum()) / weight.sum();
          }
          const auto likelihood = family.likelihood(target, weight);
          detail::Moments<Precise> moments;
          for (int round = 0; round < 10; ++round) {
            const Vector<Scalar> eta = detail::linear_predictor(design, fit.point);
            detail::LikelihoodPoint<Precise> point;
            point.eta = eta.template cast<Precise>();
            likelihood.evaluate(point);
            const Vector<Precise> curvature = point.curvature.col(0);
            const Matrix<Precise> pull = curvature.cwiseProduct(point.eta.col(0)) + point.residual.col(0);
            const double squares = point.deviance + point.eta.col(0).dot(pull.col(0) + point.residual.col(0));
            moments = moments_;
            moments.add(design, curvature, pull, squares, options.fit_intercept);
            const Vector<Scalar> before = eta;
            fit = detail::fit_moments<Scalar, 1>(moments, options, false, fit.point.support, run);
            const Vector<Scalar> after = detail::linear_predictor(design, fit.point);
            if ((after - before).cwiseAbs().maxCoeff() < Scalar(1e-5)) break;
          }
          this->set_model(x.cols(), fit.point, fit.importance, fit.report);
          moments_ = std::move(moments);
        });
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
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
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
  double loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    return x.rows() == 0 ? 0.0 : deviance(x, y) / (2 * static_cast<double>(x.rows()));
  }

  /// y − E[y | X].
  template <class X, class Y>
  Vector<Scalar> residuals(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    return detail::as_matrix(y).template cast<Scalar>() - predict_mean(x);
  }

 private:
  detail::Moments<Precise> moments_;  // of the samples given to partial_fit
};

}  // namespace l0
