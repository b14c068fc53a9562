// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/robust.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/stream.hpp>

namespace l0 {

/// Regression by the likelihood of a family: linear predictor η = X w + b, mean loss deviance/(2n), a price on or a
/// budget for ‖w‖₀, and everything else of `LinearRegression`. The family may be one of the library's, under names as
/// `PoissonRegression`, or a user's own. The search runs on the quadratic expansion of the likelihood around the best
/// fit, with the same closed formulas; every support it proposes counts only by its likelihood, fitted by Newton's
/// method.
///
/// What an `AdaptiveFamily` estimates beside η and the support are brought to agree: from the model without features
/// on, features are chosen and the parameters estimated with them by turns, until the support stays. Losses are in
/// units of log likelihood at these parameters: a price needs no unit, and where η is on the scale of y, y times c is
/// coefficients times c and nothing else.
template <std::floating_point Scalar_, Family Family_>
class GeneralizedLinearModel : public LinearModel<Scalar_> {
 public:
  using Scalar = Scalar_;                              ///< float or double
  using FamilyType = Family_;                          ///< deviance, mean and link of one sample
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  /// What a file of `save` calls it, by its family; empty where that has no name.
  static constexpr std::string_view stored_name = [] {
    if constexpr (requires { Family_::model_name; }) return Family_::model_name;
    return std::string_view();
  }();
  static constexpr bool has_labels = detail::family_is_label<Family_>();  ///< which `class_weight` may weigh

  /// Options are checked by `fit`, against its data; the family too.
  explicit GeneralizedLinearModel(RegressionOptions options = {}, Family_ family = {})
      : LinearModel<Scalar>(std::move(options)), given_(family), family_(std::move(family)) {}

  /// As given, with what was estimated beside η as the last fit left it.
  const Family_& family() const { return family_; }

  /// Fits to X (n × p, dense or sparse), y (n) and, if given, what is known of the samples. Throws `Error` for wrong
  /// shapes, values that are not finite, targets that are none of the family's, no samples, and options outside their
  /// ranges; the model is then as it was.
  template <class X, class Y>
  GeneralizedLinearModel& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Samples<Scalar>& samples) {
    const auto data = detail::read_samples<Precise, 1, has_labels>(x, y, samples, this->options_);
    detail::require_targets(given_, "y", detail::as_matrix(y));
    const auto response = response_for(data, this->options_);
    detail::FitRun run(this->options_.callback);
    auto fit = detail::fit_data(data, *response, this->options_, this->start_for(x.cols()), run);
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate the data: coefficients have no finite optimum and were stopped");
    }
    family_ = family_of(fit.response ? *fit.response : *response);
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

  /// Other options for the next fit. The model is not fitted until then, but with `warm_start` the features of the last
  /// fit are searched from, as for one price after the other; what `partial_fit` was given is forgotten.
  void set_options(RegressionOptions options) {
    this->change_options(std::move(options));
    moments_ = {};
  }

  /// Adds samples to those of earlier calls, which need not be kept: of each call's likelihood the quadratic expansion
  /// at the coefficients it led to is, p² numbers (the renewable estimator, Luo & Song, JRSS B 82, 2020). Close to
  /// `fit` on all samples at once, the closer the larger the first calls. `fit` forgets them. The loss in the report is
  /// the quadratic one. What is estimated beside η is that of the first call. Throws `Error` as `fit` does, for another
  /// number of features than before, and for options that need the samples again (`folds`, sampled gates, balanced
  /// classes). A family that refits sharpen has no such expansion, and no partial_fit.
  template <class X, class Y>
  GeneralizedLinearModel& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Samples<Scalar>& samples) requires(!SmoothedFamily<Family_>) {
    const RegressionOptions& options = this->options_;
    if (options.balance_classes) detail::fail("balance_classes", "true", "false in partial_fit, which knows a part");
    if (!samples.fold.empty()) detail::fail("fold", "given", "none in partial_fit, which keeps no samples");
    detail::require_streamable(options, moments_.columns(), x.cols(), moments_.empty());
    if constexpr (!has_labels) detail::refuse_class_weights(options);
    auto data = detail::read_data<Precise, 1>(x, y, samples, options);
    detail::require_targets(given_, "y", detail::as_matrix(y));
    if constexpr (has_labels) detail::weigh_classes(data, options);
    const detail::Design<Precise>& design = *data.design;
    detail::FitRun run(options.callback);
    detail::FitPoint<Precise> point;
    Family_ family = family_;
    detail::EtaScale<Precise> scale = scale_;
    if (moments_.empty()) {
      const auto first = detail::read_samples<Precise, 1, has_labels>(x, y, samples, options);
      const auto response = response_for(first, options);
      const auto found = detail::fit_data(first, *response, options, this->start_for(x.cols()), run);
      family = family_of(found.response ? *found.response : *response);
      scale = likelihood_of(*response).scale();
      point = detail::on_users_scale<Precise, Eigen::Dynamic>(found.point, *first.design, Precise(1));
    } else {
      point.support = this->selected_features();
      point.intercept = detail::RowVector<Precise>::Constant(1, static_cast<Precise>(this->intercept()) / scale.unit);
      point.coefficients = detail::rows_of(this->coefficients(), point.support).template cast<Precise>() / scale.unit;
    }
    point.intercept.array() -= scale.origin / scale.unit;
    const detail::PointwiseLikelihood<Family_, Precise> likelihood(family, data.y.col(0), data.weight, data.offset,
                                                                   scale);
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
      moments.add(design, data.weight, curvature, pull, detail::RowVector<Precise>::Constant(1, squares),
                  options.fit_intercept);
      fit = detail::fit_moments<Precise>(moments, options, false, Precise(1), std::numeric_limits<Scalar>::epsilon(),
                                         point.support, run);
      point = fit.point;
      // In this unit η has none; further rounds change probabilities and rates by less than float shows.
      if ((detail::linear_predictor(design, point) - at.eta).cwiseAbs().maxCoeff() < 1e-5) break;
    }
    fit.point.intercept.array() += scale.origin / scale.unit;
    this->set_model(fit, design, scale.unit);
    moments_ = std::move(moments);
    family_ = std::move(family);
    scale_ = scale;
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  GeneralizedLinearModel& partial_fit(
      const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
      const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) requires(!SmoothedFamily<Family_>) {
    return partial_fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// The likelihood of data that were read, for `regularization_path`.
  auto response_for(const detail::RegressionData<Precise>& data, const RegressionOptions& options) const {
    if constexpr (requires { given_.validate(); }) given_.validate();
    detail::require_targets(given_, "y", data.y);
    detail::EtaScale<Precise> scale;
    if constexpr (detail::family_is_location<Family_>()) {
      const Vector<Precise> y = data.offset.size() > 0 ? Vector<Precise>(data.y - data.offset) : data.y.col(0);
      scale.unit = detail::robust_unit(y, data.weight);
      if (options.fit_intercept) scale.origin = detail::weighted_median(y, data.weight);
    }
    return std::make_unique<detail::LikelihoodResponse<Precise>>(
        std::make_unique<Likelihood>(given_, data.y.col(0), data.weight, data.offset, scale));
  }

  /// The mean of y given X; of a quantile, the quantile.
  template <class X>
  Vector<Scalar> predict_mean(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x).unaryExpr(
        [this](Scalar eta) { return static_cast<Scalar>(family_.mean(static_cast<double>(eta))); });
  }
  /// The same, where y are no labels.
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    return predict_mean(x);
  }

  /// Σ of the deviances of the samples, with what was estimated beside η as it is.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    detail::require_targets(given_, "y", detail::as_matrix(y));
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

  /// y − predict_mean(X).
  template <class X, class Y>
  Vector<Scalar> residuals(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    return detail::as_matrix(y).template cast<Scalar>() - predict_mean(x);
  }

 private:
  friend struct detail::StoredAccess;
  using Likelihood = detail::PointwiseLikelihood<Family_, Precise>;

  static const Likelihood& likelihood_of(const detail::Response<Precise>& response) {
    return static_cast<const Likelihood&>(*response.likelihood());
  }
  /// At the deviance that is meant.
  static Family_ family_of(const detail::Response<Precise>& response) {
    Family_ family = likelihood_of(response).family();
    if constexpr (SmoothedFamily<Family_>) {
      while (family.sharpen()) continue;
    }
    return family;
  }

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    LinearModel<Scalar>::archive(self, a);
    a("family", self.given_);
    a("fitted_family", self.family_);
  }

  Family_ given_, family_;
  detail::Moments<Precise> moments_;  // of the samples given to partial_fit
  detail::EtaScale<Precise> scale_;   // of η in them
};

}  // namespace l0
