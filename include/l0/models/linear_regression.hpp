// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include <Eigen/QR>

#include <l0/models/regression_pipeline.hpp>

namespace l0 {

namespace detail {

/// The columns of a support in at least double, centred by `mean`: what refits work on.
template <class Precise, class Design>
Matrix<Precise> support_block(const Design& x, const std::vector<Index>& support, const Vector<Precise>& mean) {
  Matrix<Precise> block(x.rows(), static_cast<Index>(support.size()));
  Vector<typename Design::Scalar> column(x.rows());
  for (Index i = 0; i < block.cols(); ++i) {
    column.setZero();
    x.add_column(support[static_cast<std::size_t>(i)], 1, column);
    block.col(i) = column.template cast<Precise>().array() - mean(i);
  }
  return block;
}

/// Squared loss (y − η)².
struct SquaredFamily {
  static constexpr bool unknown_variance = true;
  static constexpr double loss_per_square = 1;  // a drop of c²/d in Σ D r² is as much in the summed loss

  /// Throws `Error` where a target is none of the family's; the finiteness is checked elsewhere.
  template <class Scalar>
  void require_targets(const Vector<Scalar>& /*y*/) const {}

  double loss(double eta, double y) const { return (y - eta) * (y - eta); }
  struct Working {
    double residual;
    double curvature;
  };
  Working working(double eta, double y) const { return {y - eta, 1}; }
  double deviance(double mean_loss, double samples) const { return samples * std::log(std::max(mean_loss, 1e-300)); }

  template <class Design, class Scalar>
  SelectionResult select(const Design& x, const Vector<Scalar>& y, const Vector<Scalar>& weight,
                         const SelectionOptions& options) const {
    return select_least_squares(x, Matrix<Scalar>(y), weight, options);
  }

  /// Least squares on the support by a rank-revealing QR decomposition; L2 by extra rows.
  template <class Design, class Scalar>
  PathPoint<Scalar> refit(const Design& x, const Vector<Scalar>& y, const Vector<Scalar>& weight,
                          std::vector<Index> support, const SelectionOptions& options) const {
    using Precise = std::common_type_t<Scalar, double>;
    std::sort(support.begin(), support.end());
    const Index n = x.rows();
    const auto k = static_cast<Index>(support.size());
    const Vector<Precise> w = weight.template cast<Precise>();
    const Precise total = w.sum();
    Vector<Precise> mean = Vector<Precise>::Zero(k);
    Precise target_mean = 0;
    if (options.centre) {
      for (Index i = 0; i < k; ++i)
        mean(i) = static_cast<Precise>(x.sum(support[static_cast<std::size_t>(i)], weight)) / total;
      target_mean = y.template cast<Precise>().dot(w) / total;
    }
    const Vector<Precise> root = w.cwiseSqrt();
    const bool ridge = options.lambda_l2 > 0;
    Matrix<Precise> a = Matrix<Precise>::Zero(n + (ridge ? k : 0), k);
    a.topRows(n) = support_block<Precise>(x, support, mean).array().colwise() * root.array();
    if (ridge) a.bottomRows(k).diagonal().setConstant(std::sqrt(static_cast<Precise>(n) * options.lambda_l2));
    Vector<Precise> b = Vector<Precise>::Zero(a.rows());
    b.head(n) = (y.template cast<Precise>().array() - target_mean) * root.array();
    PathPoint<Scalar> point;
    Vector<Precise> coefficients = Vector<Precise>::Zero(k);
    if (k > 0) coefficients = a.colPivHouseholderQr().solve(b);
    point.size = k;
    point.support = std::move(support);
    point.coefficients = coefficients.template cast<Scalar>();
    point.intercept = static_cast<Scalar>(target_mean - mean.dot(coefficients));
    point.loss = n > 0 ? (b.head(n) - a.topRows(n) * coefficients).squaredNorm() / static_cast<Precise>(n) : 0;
    return point;
  }
};

}  // namespace detail

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
template <std::floating_point Scalar_>
class LinearRegression : public LinearModel<Scalar_> {
 public:
  using Scalar = Scalar_;
  using Family = detail::SquaredFamily;

  explicit LinearRegression(RegressionOptions options = {}) : LinearModel<Scalar>(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), y (n) and, if given, sample weights ≥ 0. Throws `Error` for wrong shapes,
  /// values that are not finite, no samples, and options outside their ranges; the model is then as it was.
  template <class X, class Y, class W = Vector<Scalar>>
  LinearRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y,
                        const Eigen::MatrixBase<W>& sample_weight = Vector<Scalar>()) {
    const auto fit = detail::with_regression_data<Scalar>(
        x, y, sample_weight, this->options_, [&](const auto& design, const auto& target, const auto& weight) {
          return detail::fit_sparse(Family{}, design, target, weight, this->options_);
        });
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    return *this;
  }

  /// X w + b. Safe to call from several threads.
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x);
  }

  /// y − predict(X).
  template <class X, class Y>
  Vector<Scalar> residuals(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    return y - predict(x);
  }

  /// Mean squared error.
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    const auto error = residuals(x, y);
    return error.size() == 0 ? 0.0 : static_cast<double>(error.squaredNorm()) / static_cast<double>(error.size());
  }

  /// 1 − Σ(y−ŷ)²/Σ(y−ȳ)²; 0 where y is constant.
  template <class X, class Y>
  double r_squared(const Eigen::EigenBase<X>& x, const Eigen::MatrixBase<Y>& y) const {
    const auto error = static_cast<double>(residuals(x, y).squaredNorm());
    const auto spread = static_cast<double>((y.array() - y.mean()).matrix().squaredNorm());
    return spread > 0 ? 1 - error / spread : 0;
  }
};

}  // namespace l0
