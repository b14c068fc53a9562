// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/cox.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/response.hpp>

namespace l0 {

/// Cox's proportional hazards that keep few features: the hazard of a sample is h₀(t) e^η with η = xᵀw + b and any h₀
/// (Cox, JRSS B 34, 1972), fitted by the partial likelihood, ties by Breslow's rule. y has two columns, the time and
/// whether the event was met then (1) or watching ended (0). h₀ takes any constant, so b is chosen: the mean of η over
/// the samples of the fit is 0. Options and search as for `LogisticRegression`; mean loss is deviance/(2n). Folds have
/// events in equal shares, and held-out samples are at risk among themselves.
///
///     l0::CoxRegression<double> model;
///     model.fit(X, y);           // y: time, event
///     model.predict_risk(X_new); // e^η, the hazard beside that of a sample with η = 0
template <std::floating_point Scalar_>
class CoxRegression : public LinearModel<Scalar_> {
 public:
  using Scalar = Scalar_;                              ///< float or double
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  static constexpr std::string_view stored_name = "CoxRegression";  ///< what a file of `save` calls it

  static constexpr int target_columns = 2;   ///< of y: time and event
  static constexpr bool has_labels = false;  ///< which `class_weight` may weigh

  /// Options are checked by `fit`, against its data.
  explicit CoxRegression(RegressionOptions options = {}) : LinearModel<Scalar>(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), y (n × 2) and, if given, what is known of the samples. Throws `Error` for
  /// wrong shapes, values that are not finite, times < 0, events that are neither 0 nor 1, no event among samples that
  /// weigh something, `.fit_intercept = false`, and options outside their ranges; the model is then as it was.
  template <class X, class Y>
  CoxRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y, const Samples<Scalar>& samples) {
    const auto data = detail::read_samples<Precise, target_columns>(x, y, samples, this->options_);
    require_targets(detail::as_matrix(y));
    const auto response = response_for(data, this->options_);
    detail::FitRun run(this->options_.callback);
    auto fit = detail::fit_data(data, *response, this->options_, this->start_for(x.cols()), run);
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the partial likelihood rises without end (every event has the largest η at risk): coefficients were "
          "stopped");
    }
    this->set_model(fit, *data.design, response->unit());
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  CoxRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                     const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// Other options for the next fit. The model is not fitted until then, but with `warm_start` the features of the last
  /// fit are searched from, as for one price after the other.
  void set_options(RegressionOptions options) { this->change_options(std::move(options)); }

  /// The likelihood of data that were read, for `regularization_path`.
  static auto response_for(const detail::RegressionData<Precise>& data, const RegressionOptions& options) {
    if (!options.fit_intercept) detail::fail("fit_intercept", "false", "true: the baseline hazard takes any constant");
    require_targets(data.y);
    if (!(data.y.col(1).maxCoeff() > 0)) detail::fail("y", "without an event", "at least one 1 in its second column");
    return std::make_unique<detail::LikelihoodResponse<Precise>>(
        std::make_unique<detail::CoxLikelihood<Precise>>(data.y.col(0), data.y.col(1), data.weight, data.offset));
  }

  /// e^η: the hazard of each row beside that of a sample with η = 0.
  template <class X>
  Vector<Scalar> predict_risk(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x).array().exp().matrix();
  }

  /// −2 log partial likelihood of these samples, whose risk sets they are themselves.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), target_columns);
    const Matrix<Precise> target = detail::as_matrix(y).template cast<Precise>();
    require_targets(target);
    const detail::CoxLikelihood<Precise> likelihood(target.col(0), target.col(1), Vector<Precise>::Ones(x.rows()),
                                                    Vector<Precise>());
    detail::LikelihoodPoint<Precise> point;
    point.eta = this->linear_predictor(x).template cast<Precise>();
    likelihood.evaluate(point);
    return point.deviance;
  }

  /// Mean loss, deviance/(2n).
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    return x.rows() == 0 ? 0.0 : deviance(x, y) / (2 * static_cast<double>(x.rows()));
  }

 private:
  template <class Y>
  static void require_targets(const Eigen::MatrixBase<Y>& y) {
    for (Index i = 0; i < y.rows(); ++i) {
      const auto time = y.derived().coeff(i, 0), event = y.derived().coeff(i, 1);
      if (!(time >= 0 && time - time == 0))
        detail::fail("y(" + detail::to_text(i) + ", 0)", detail::to_text(time), "a finite time >= 0");
      if (!(event == 0 || event == 1))
        detail::fail("y(" + detail::to_text(i) + ", 1)", detail::to_text(event), "1 for an event, else 0");
    }
  }
};

namespace detail {

L0_COMPILED(class CoxLikelihood<double>);

}  // namespace detail
}  // namespace l0
