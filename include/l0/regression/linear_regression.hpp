// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <limits>
#include <string_view>
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
#include <l0/regression/least_squares.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/stream.hpp>

namespace l0 {

/// Linear regression that keeps few features: minimises
///
///     (1/n) Σ (yᵢ − b − xᵢᵀw)² + λ₂‖w‖²   plus a price on, or subject to a budget for, ‖w‖₀.
///
///     l0::LinearRegression<double> model({.max_features = 20});   // or .lambda_l0, or neither
///     model.fit(X, y);
///     model.coefficients();  model.intercept();  model.selected_features();  model.predict(X_new);
///
/// Columns are centred and scaled inside; coefficients are on the scale of X. Supports are found by a search over
/// neighbours (adds, drops, swaps, ejection chains) started from a path of sizes and from the supports that noise-free
/// Hard Concrete gates propose, then refitted without gates by a rank-revealing decomposition. Sparse X stays sparse
/// and is centred implicitly. Two fits of the same data are bit-identical, whatever `threads`.
///
/// `MultiResponseRegression` is the same for several responses Y (n × m) at once: minimises (1/n) ‖Y − 1bᵀ − XW‖² with
/// a gate per row of W, so that a feature is in for all responses or for none. Its coefficients are p × m.
template <std::floating_point Scalar_, int Responses>
class LeastSquaresRegression : public LinearModel<Scalar_, Responses> {
 public:
  using Scalar = Scalar_;                        ///< float or double
  using Base = LinearModel<Scalar_, Responses>;  ///< where the questions asked of a model are
  using typename Base::Coefficients;
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  static constexpr bool has_labels = false;  ///< which `class_weight` may weigh

  /// Options are checked by `fit`, against its data.
  explicit LeastSquaresRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// Other options for the next fit. The model is not fitted until then, but with `warm_start` the features of the last
  /// fit are searched from, as for one price after the other; what `partial_fit` was given is forgotten.
  void set_options(RegressionOptions options) {
    this->change_options(std::move(options));
    stream_ = {};
  }

  /// The loss at data that were read, for `regularization_path`.
  static auto response_for(const detail::RegressionData<Precise>& data, const RegressionOptions& options) {
    return detail::squared_response(data, options.fit_intercept);
  }

  /// Fits to X (n × p, dense or sparse), y (n, or n × m for several responses) and, if given, what is known of the
  /// samples. Throws `Error` for wrong shapes, values that are not finite, no samples, and options outside their
  /// ranges; the model is then as it was.
  template <class X, class Y>
  LeastSquaresRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Samples<Scalar>& samples) {
    refuse_signs();
    const auto data = detail::read_samples<Precise, Responses>(x, y, samples, this->options_);
    const auto response = response_for(data, this->options_);
    detail::FitRun run(this->options_.callback);
    this->set_model(detail::fit_data(data, *response, this->options_, this->start_for(x.cols()), run), *data.design,
                    response->unit());
    stream_ = {};
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  LeastSquaresRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// Adds samples to those of earlier calls and fits to all of them, which need not be kept: their sums of products
  /// are, p² numbers. The model is that of `fit` on all samples at once, to rounding; `fit` forgets them. Throws
  /// `Error` as `fit` does, for another number of features than before, and for options that need the samples again
  /// (`folds`, sampled gates).
  template <class X, class Y>
  LeastSquaresRegression& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Samples<Scalar>& samples) {
    refuse_signs();
    const RegressionOptions& options = this->options_;
    const bool first = stream_.moments.empty();
    if (!samples.fold.empty()) detail::fail("fold", "given", "none in partial_fit, which keeps no samples");
    detail::require_streamable(options, stream_.moments.columns(), x.cols(), first);
    if (!first) detail::require_shape("y", y.rows(), y.cols(), x.rows(), stream_.moments.responses());
    detail::refuse_class_weights(options);
    auto data = detail::read_data<Precise, Responses>(x, y, samples, options);
    if (data.offset.size() > 0) data.y.colwise() -= data.offset;
    Stream stream = stream_;
    if (first) {
      stream.unit = detail::unit_of(data.y, data.weight, options.fit_intercept);
      stream.origin = detail::RowVector<Precise>::Zero(data.y.cols());
      if (options.fit_intercept) stream.origin = data.weight.transpose() * data.y / data.weight.sum();
    }
    data.y = (data.y.rowwise() - stream.origin) / stream.unit;
    const Matrix<Precise> product = data.weight.asDiagonal() * data.y;
    stream.moments.add(*data.design, data.weight, data.weight, product, product.cwiseProduct(data.y).colwise().sum(),
                       options.fit_intercept);
    detail::FitRun run(options.callback);
    auto fit = detail::fit_moments<Precise>(stream.moments, options, true, stream.unit,
                                            std::numeric_limits<Scalar>::epsilon(), this->start_for(x.cols()), run);
    fit.point.intercept += stream.origin / stream.unit;
    this->set_model(fit, *data.design, stream.unit);
    stream_ = std::move(stream);
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  LeastSquaresRegression& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return partial_fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// X W + b. Safe to call from several threads.
  template <class X>
  Coefficients predict(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x);
  }

  /// y − predict(X).
  template <class X, class Y>
  Coefficients residuals(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), this->coefficients().cols());
    return detail::as_matrix_of<Scalar>(y) - predict(x);
  }

  /// Mean over the samples of ‖y − ŷ‖².
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    const Matrix<Precise> error = residuals(x, y).template cast<Precise>();
    return error.rows() == 0 ? 0.0 : static_cast<double>(error.squaredNorm()) / static_cast<double>(error.rows());
  }

  /// 1 − Σ‖y−ŷ‖²/Σ‖y−ȳ‖²; 0 where y is constant.
  template <class X, class Y>
  double r_squared(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    const Matrix<Precise> error = residuals(x, y).template cast<Precise>();
    if (y.rows() == 0) return 0;
    const Matrix<Precise> target = detail::as_matrix(y).template cast<Precise>();
    const Precise spread = (target.rowwise() - target.colwise().mean()).squaredNorm();
    return spread > 0 ? static_cast<double>(1 - error.squaredNorm() / spread) : 0.0;
  }

 private:
  void refuse_signs() const {
    if (Responses != 1 && this->options_.non_negative)
      detail::fail("non_negative", "true", "false with several responses");
  }

  /// Of the samples given to partial_fit; targets less an origin, in a unit that the first ones gave.
  struct Stream {
    detail::Moments<Precise> moments;
    Precise unit = 1;
    detail::RowVector<Precise> origin;
  };
  Stream stream_;
};

/// See `LeastSquaresRegression`.
template <std::floating_point Scalar>
class LinearRegression : public LeastSquaresRegression<Scalar, 1> {
 public:
  static constexpr std::string_view stored_name = "LinearRegression";  ///< what a file of `save` calls it

  /// Options are checked by `fit`, against its data.
  explicit LinearRegression(RegressionOptions options = {}) : LeastSquaresRegression<Scalar, 1>(std::move(options)) {}
};

/// See `LeastSquaresRegression`.
template <std::floating_point Scalar>
class MultiResponseRegression : public LeastSquaresRegression<Scalar, Eigen::Dynamic> {
 public:
  static constexpr std::string_view stored_name = "MultiResponseRegression";  ///< what a file of `save` calls it

  /// Options are checked by `fit`, against its data.
  explicit MultiResponseRegression(RegressionOptions options = {})
      : LeastSquaresRegression<Scalar, Eigen::Dynamic>(std::move(options)) {}
};

}  // namespace l0
