// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
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
#include <l0/regression/likelihood/multinomial.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/response.hpp>

namespace l0 {

/// Multinomial logistic regression of labels 0, ..., K−1 that keeps few features: P(y = c | x) ∝ exp(b_c + xᵀw_c), mean
/// loss −log P(y | x), a price on or a budget for the rows of W (p × K) that are not 0. A feature's gate opens its
/// coefficients for all classes at once; they sum to 0 over the classes. Options and search as for
/// `LogisticRegression`.
///
///     l0::MultinomialRegression<double> model({.max_features = 20});
///     model.fit(X, labels);
///     model.predict(X_new);  model.predict_probability(X_new);
template <std::floating_point Scalar_>
class MultinomialRegression : public LinearModel<Scalar_, Eigen::Dynamic> {
 public:
  using Scalar = Scalar_;                              ///< float or double
  using Base = LinearModel<Scalar_, Eigen::Dynamic>;   ///< where the questions asked of a model are
  using Precise = std::common_type_t<Scalar, double>;  ///< what is computed in: at least double

  static constexpr int target_columns = 1;                                  ///< of y: labels
  static constexpr bool has_labels = true;                                  ///< which `class_weight` may weigh
  static constexpr std::string_view stored_name = "MultinomialRegression";  ///< what a file of `save` calls it

  /// Options are checked by `fit`, against its data.
  explicit MultinomialRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), labels y (n) and, if given, what is known of the samples (no offset). There
  /// are as many classes as the largest label says, at least two. Throws `Error` for wrong shapes, values that are not
  /// finite, labels that are not 0, 1, ... below the number of samples, no samples, and options outside their ranges;
  /// the model is then as it was.
  template <class X, class Y>
  MultinomialRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                             const Samples<Scalar>& samples) {
    if (this->options_.non_negative) detail::fail("non_negative", "true", "false with several classes");
    const auto data = detail::read_samples<Precise, 1, has_labels>(x, y, samples, this->options_);
    require_labels(detail::as_matrix(y));
    const auto response = response_for(data, this->options_);
    detail::FitRun run(this->options_.callback);
    auto fit = detail::fit_data(data, *response, this->options_, this->start_for(x.cols()), run);
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate classes: coefficients have no finite optimum and were stopped");
    }
    for (Index c = 0; c < fit.point.coefficients.cols(); ++c) {
      if (!(data.y.array() == static_cast<Precise>(c)).any()) {
        fit.report.notes.push_back("class " + detail::to_text(c) + " has no samples");
      }
    }
    this->set_model(fit, *data.design, response->unit());
    return *this;
  }
  /// The same with sample weights ≥ 0.
  template <class X, class Y, class W = Vector<Scalar>>
  MultinomialRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                             const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    return fit(x, y, detail::samples_of<Scalar>(sample_weight, x.rows()));
  }

  /// Other options for the next fit. The model is not fitted until then, but with `warm_start` the features of the last
  /// fit are searched from, as for one price after the other.
  void set_options(RegressionOptions options) { this->change_options(std::move(options)); }

  /// The likelihood of data that were read, for `regularization_path`.
  static auto response_for(const detail::RegressionData<Precise>& data, const RegressionOptions&) {
    if (data.offset.size() > 0) detail::fail("offset", "given", "none with several classes");
    require_labels(data.y);
    const auto classes = std::max<Index>(2, static_cast<Index>(data.y.maxCoeff()) + 1);
    return std::make_unique<detail::LikelihoodResponse<Precise>>(
        std::make_unique<detail::MultinomialLikelihood<Precise>>(data.y.col(0), data.weight, classes));
  }

  /// How many classes the labels of the fit had.
  Index classes() const { return this->coefficients().cols(); }

  /// P(y = c | X), n × K.
  template <class X>
  Matrix<Scalar> predict_probability(const Eigen::EigenBase<X>& x) const {
    Matrix<Scalar> p = this->linear_predictor(x);
    p.colwise() -= p.rowwise().maxCoeff().eval();
    p = p.array().exp().matrix();
    p.array().colwise() /= p.rowwise().sum().array().eval();
    return p;
  }

  /// The likeliest label.
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    const Matrix<Scalar> eta = this->linear_predictor(x);
    Vector<Scalar> label(eta.rows());
    for (Index i = 0; i < eta.rows(); ++i) {
      Index best = 0;
      eta.row(i).maxCoeff(&best);
      label(i) = static_cast<Scalar>(best);
    }
    return label;
  }

  /// Mean of −log P(y | x). Throws `Error` for labels that are not among the classes.
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    const Matrix<Scalar> eta = this->linear_predictor(x);
    double total = 0;
    for (Index i = 0; i < eta.rows(); ++i) {
      const auto label = y.derived().coeff(i, 0);
      if (!(label >= 0 && label < static_cast<decltype(label)>(eta.cols()) && label == std::floor(label))) {
        detail::fail("y(" + detail::to_text(i) + ")", detail::to_text(label),
                     "a label from 0 to " + detail::to_text(eta.cols() - 1));
      }
      const detail::RowVector<Precise> row = eta.row(i).template cast<Precise>();
      const Precise highest = row.maxCoeff();
      total += std::log((row.array() - highest).exp().sum()) + highest - row(static_cast<Index>(label));
    }
    return eta.rows() == 0 ? 0.0 : total / static_cast<double>(eta.rows());
  }

  /// −2 log likelihood.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    return 2 * static_cast<double>(x.rows()) * loss(x, y);
  }

 private:
  template <class Y>
  static void require_labels(const Eigen::MatrixBase<Y>& y) {
    for (Index i = 0; i < y.rows(); ++i) {
      const auto label = static_cast<Precise>(y.derived().coeff(i, 0));
      if (!(label >= 0 && label == std::floor(label) && (label < 2 || label < static_cast<Precise>(y.rows())))) {
        detail::fail("y(" + detail::to_text(i) + ")", detail::to_text(label),
                     "a label 0, 1, ... below the number of samples");
      }
    }
  }
};

namespace detail {

L0_COMPILED(class MultinomialLikelihood<double>);

}  // namespace detail
}  // namespace l0
