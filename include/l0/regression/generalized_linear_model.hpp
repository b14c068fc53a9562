// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/stream.hpp>

namespace l0 {

/// What `LogisticRegression` and `PoissonRegression` share: a likelihood with linear predictor η = X w + b and mean
/// loss deviance/(2n), a price on or a budget for ‖w‖₀, and everything else of `LinearRegression`. The search runs on
/// the quadratic expansion of the likelihood around the best fit, with the same closed formulas; every support it
/// proposes counts only by its likelihood, fitted by Newton's method (iteratively reweighted least squares).
template <std::floating_point Scalar_, detail::GlmFamily Family_>
class GeneralizedLinearModel : public LinearModel<Scalar_> {
 public:
  using Scalar = Scalar_;                              ///< float or double
  using Family = Family_;                              ///< deviance, mean and link of one sample
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  /// Options are checked by `fit`, against its data.
  explicit GeneralizedLinearModel(RegressionOptions options = {}, Family family = {})
      : LinearModel<Scalar>(std::move(options)), family_(std::move(family)) {}

  /// Fits to X (n × p, dense or sparse), y (n) and, if given, what is known of the samples. Throws `Error` for wrong
  /// shapes, values that are not finite, targets that are none of the family's, no samples, and options outside their
  /// ranges; the model is then as it was.
  template <class X, class Y>
  GeneralizedLinearModel& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Samples<Scalar>& samples) {
    const auto data = detail::read_samples<Precise, 1>(x, y, samples, this->options_);
    family_.require_targets("y", detail::as_matrix(y));
    const auto response = response_for(data, this->options_, family_);
    detail::FitRun run(this->options_.callback);
    auto fit = detail::fit_data(data, *response, this->options_, this->start_for(x.cols()), run);
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate the data: coefficients have no finite optimum and were stopped");
    }
    if ((data.y.array() == data.y(0)).all()) fit.report.notes.emplace_back("all targets are equal");
    this->set_model(fit, *data.design, response->unit());
    moments_ = {};
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// Adds samples to those of earlier calls, which need not be kept: of each call's likelihood the quadratic expansion
  /// at the coefficients it led to is, p² numbers (the renewable estimator, Luo & Song, JRSS B 82, 2020). Close to
  /// `fit` on all samples at once, the closer the larger the first calls. `fit` forgets them. The loss in the report is
  /// the quadratic one. Throws `Error` as `fit` does, for another number of features than before, and for options that
  /// need the samples again (`folds`, sampled gates).
  template <class X, class Y>
  GeneralizedLinearModel& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Samples<Scalar>& samples) {
    const RegressionOptions& options = this->options_;
    if (!samples.fold.empty()) detail::fail("fold", "given", "none in partial_fit, which keeps no samples");
    detail::require_streamable(options, moments_.columns(), x.cols(), moments_.empty());
    const auto data = detail::read_data<Precise, 1>(x, y, samples, options);
    family_.require_targets("y", detail::as_matrix(y));
    const detail::Design<Precise>& design = *data.design;
    detail::FitRun run(options.callback);
    detail::FitPoint<Precise> point;
    if (moments_.empty()) {
      const auto first = detail::read_samples<Precise, 1>(x, y, samples, options);
      const auto found =
          detail::fit_data(first, *response_for(first, options, family_), options, this->start_for(x.cols()), run);
      point = detail::on_users_scale<Precise, Eigen::Dynamic>(found.point, *first.design, Precise(1));
    } else {
      point.support = this->selected_features();
      point.intercept = detail::RowVector<Precise>::Constant(1, static_cast<Precise>(this->intercept()));
      point.coefficients = detail::rows_of(this->coefficients(), point.support).template cast<Precise>();
    }
    const detail::PointwiseLikelihood<Family, Precise> likelihood(family_, data.y.col(0), data.weight, data.offset);
    detail::SparseFit<Precise> fit;
    detail::Moments<Precise> moments;
    for (int round = 0; round < 10; ++round) {
      detail::LikelihoodPoint<Precise> at;
      at.eta = detail::linear_predictor(design, point);
      likelihood.evaluate(at);
      const Vector<Precise> curvature = at.curvature.col(0);
      const Matrix<Precise> pull = curvature.cwiseProduct(at.eta.col(0)) + at.residual.col(0);
      const Precise squares = at.deviance + at.eta.col(0).dot(pull.col(0) + at.residual.col(0));
      moments = moments_;
      moments.add(design, data.weight, curvature, pull, squares, options.fit_intercept);
      fit = detail::fit_moments<Precise>(moments, options, false, Precise(1), std::numeric_limits<Scalar>::epsilon(),
                                         point.support, run);
      point = fit.point;
      // η has no unit; further rounds change probabilities and rates by less than float shows.
      if ((detail::linear_predictor(design, point) - at.eta).cwiseAbs().maxCoeff() < 1e-5) break;
    }
    this->set_model(fit, design, Precise(1));
    moments_ = std::move(moments);
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return partial_fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// The likelihood of data that were read, for `regularization_path`.
  static auto response_for(const detail::RegressionData<Precise>& data, const RegressionOptions&,
                           const Family& family = {}) {
    using Pointwise = detail::PointwiseLikelihood<Family, Precise>;
    return std::make_unique<detail::LikelihoodResponse<Precise>>(
        std::make_unique<Pointwise>(family, data.y.col(0), data.weight, data.offset));
  }

  /// E[y | X]: probabilities or rates.
  template <class X>
  Vector<Scalar> predict_mean(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x).unaryExpr(
        [this](Scalar eta) { return static_cast<Scalar>(family_.mean(static_cast<double>(eta))); });
  }

  /// Σ of the deviances of the samples.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    const Vector<Scalar> eta = this->linear_predictor(x);
    double total = 0;
    for (Index i = 0; i < eta.size(); ++i) {
      total += family_.at(static_cast<double>(y.derived().coeff(i)), static_cast<double>(eta(i))).deviance;
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
  Family family_;
  detail::Moments<Precise> moments_;  // of the samples given to partial_fit
};

}  // namespace l0
