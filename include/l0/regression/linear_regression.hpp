// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/least_squares.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
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
  using Scalar = Scalar_;                           ///< float or double
  using Family = detail::SquaredFamily<Responses>;  ///< the loss and its search
  using Base = LinearModel<Scalar_, Responses>;     ///< where the questions asked of a model are
  using typename Base::Coefficients;
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  /// Options are checked by `fit`, against its data.
  explicit LeastSquaresRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// What `y` asks for.
  template <class Target>
  static Family family_for(const Target&) {
    return {};
  }

  /// Fits to X (n × p, dense or sparse), y (n, or n × m for several responses) and, if given, sample weights ≥ 0.
  /// Throws `Error` for wrong shapes, values that are not finite, no samples, and options outside their ranges; the
  /// model is then as it was.
  template <class X, class Y, class W = Vector<Scalar>>
  LeastSquaresRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                              const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    if constexpr (Responses != 1) {
      if (this->options_.non_negative) detail::fail("non_negative", "true", "false with several responses");
    }
    const auto fit = detail::with_regression_data<Scalar, Responses>(
        x, y, sample_weight, this->options_, [&](const auto& design, const auto& target, const auto& weight) {
          return detail::fit_sparse(Family{}, design, target, weight, this->options_, this->start_for(x.cols()));
        });
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    moments_ = {};
    return *this;
  }

  /// Adds samples to those of earlier calls and fits to all of them, which need not be kept: their sums of products
  /// are, p² numbers. The model is that of `fit` on all samples at once, to rounding; `fit` forgets them. Throws
  /// `Error` as `fit` does, for another number of features than before, and for options that need the samples again
  /// (`folds`, sampled gates).
  template <class X, class Y, class W = Vector<Scalar>>
  LeastSquaresRegression& partial_fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                      const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    const RegressionOptions& options = this->options_;
    detail::require_streamable(options, moments_.columns(), x.cols(), moments_.empty());
    if (!moments_.empty()) detail::require_shape("y", y.rows(), y.cols(), x.rows(), moments_.responses());
    detail::Moments<Precise> moments = moments_;
    detail::with_regression_data<Scalar, Responses>(
        x, y, sample_weight, options, [&](const auto& design, const auto& target, const auto& unit_weight) {
          Vector<Precise> weight = unit_weight.template cast<Precise>();
          if (sample_weight.size() > 0)
            weight *= detail::as_matrix(sample_weight).template cast<double>().sum() / weight.sum();
          const Matrix<Precise> product = weight.asDiagonal() * target.template cast<Precise>();
          moments.add(design, weight, product, product.cwiseProduct(target.template cast<Precise>()).sum(),
                      options.fit_intercept);
        });
    detail::FitRun run(options.callback);
    auto fit = detail::fit_moments<Scalar, Responses>(moments, options, true, this->start_for(x.cols()), run);
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    moments_ = std::move(moments);
    return *this;
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
    const Coefficients error = residuals(x, y);
    return error.rows() == 0 ? 0.0 : static_cast<double>(error.squaredNorm()) / static_cast<double>(error.rows());
  }

  /// 1 − Σ‖y−ŷ‖²/Σ‖y−ȳ‖²; 0 where y is constant.
  template <class X, class Y>
  double r_squared(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    const auto error = static_cast<double>(residuals(x, y).squaredNorm());
    if (y.rows() == 0) return 0;
    const auto& target = detail::as_matrix(y);
    const auto spread = static_cast<double>((target.rowwise() - target.colwise().mean()).squaredNorm());
    return spread > 0 ? 1 - error / spread : 0;
  }

 private:
  detail::Moments<Precise> moments_;  // of the samples given to partial_fit
};

/// See `LeastSquaresRegression`.
template <std::floating_point Scalar>
class LinearRegression : public LeastSquaresRegression<Scalar, 1> {
 public:
  /// Options are checked by `fit`, against its data.
  explicit LinearRegression(RegressionOptions options = {}) : LeastSquaresRegression<Scalar, 1>(std::move(options)) {}
};

/// See `LeastSquaresRegression`.
template <std::floating_point Scalar>
class MultiResponseRegression : public LeastSquaresRegression<Scalar, Eigen::Dynamic> {
 public:
  /// Options are checked by `fit`, against its data.
  explicit MultiResponseRegression(RegressionOptions options = {})
      : LeastSquaresRegression<Scalar, Eigen::Dynamic>(std::move(options)) {}
};

namespace detail {

L0_COMPILED_FITS(SquaredFamily<1>);
L0_COMPILED_FITS(SquaredFamily<Eigen::Dynamic>);

}  // namespace detail
}  // namespace l0
