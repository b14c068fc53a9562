// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <type_traits>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/multinomial.hpp>
#include <l0/regression/linear_model.hpp>
#include <l0/regression/options.hpp>

namespace l0 {

namespace detail {

/// K classes as a family in the sense of fit.hpp.
template <class Precise>
struct MultinomialFamily : LikelihoodPipeline<MultinomialFamily<Precise>, Eigen::Dynamic> {
  Matrix<Precise> contrasts;

  explicit MultinomialFamily(Index classes) : contrasts(MultinomialLikelihood<Precise>::helmert(classes)) {}

  Index classes() const { return contrasts.rows(); }
  template <class Y>
  Index free_responses(const Y&) const {
    return contrasts.cols();
  }
  template <class Y>
  Index predictors(const Y&) const {
    return classes();
  }
  template <class Scalar>
  MultinomialLikelihood<Precise> likelihood(const Vector<Scalar>& y, const Vector<Scalar>& weight) const {
    return {y.template cast<Precise>(), weight.template cast<Precise>(), classes()};
  }
  template <class M>
  Matrix<Precise> from_free(const M& theta) const {
    return theta * contrasts.transpose();
  }
  /// −log P(y) at the predictors of one sample.
  template <class Eta, class Target>
  double loss(const Eta& eta, const Target& y) const {
    const RowVector<Precise> row = eta.template cast<Precise>();
    const double highest = row.maxCoeff();
    return std::log((row.array() - highest).exp().sum()) + highest - row(static_cast<Index>(y(0)));
  }
  /// The mean loss and its slope in η.
  template <class Scalar>
  double slope(const Matrix<Scalar>& eta, const Vector<Scalar>& y, const Vector<Scalar>& weight,
               Matrix<Scalar>& result) const {
    const auto n = static_cast<double>(eta.rows());
    double total = 0;
    result = eta.colwise() - eta.rowwise().maxCoeff();
    result = result.array().exp().matrix();
    for (Index i = 0; i < eta.rows(); ++i) {
      const auto label = static_cast<Index>(y(i));
      const double share = static_cast<double>(weight(i)) / n;
      total += share * loss(eta.row(i), y.row(i));
      result.row(i) /= result.row(i).sum();
      result(i, label) -= 1;
      result.row(i) *= static_cast<Scalar>(share);
    }
    return total;
  }
};

}  // namespace detail

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
  using Scalar = Scalar_;                                                         ///< float or double
  using Family = detail::MultinomialFamily<std::common_type_t<Scalar_, double>>;  ///< the loss and its search
  using Base = LinearModel<Scalar_, Eigen::Dynamic>;  ///< where the questions asked of a model are

  /// Options are checked by `fit`, against its data.
  explicit MultinomialRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// Fits to X (n × p, dense or sparse), labels y (n) and, if given, sample weights ≥ 0. There are as many classes as
  /// the largest label says, at least two. Throws `Error` for wrong shapes, values that are not finite, labels that are
  /// not 0, 1, ... below the number of samples, no samples, and options outside their ranges; the model is then as it
  /// was.
  template <class X, class Y, class W = Vector<Scalar>>
  MultinomialRegression& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                             const Eigen::DenseBase<W>& sample_weight = Vector<Scalar>()) {
    if (this->options_.non_negative) detail::fail("non_negative", "true", "false with several classes");
    auto fit = detail::with_regression_data<Scalar, 1>(
        x, y, sample_weight, this->options_, [&](const auto& design, const auto& target, const auto& weight) {
          return detail::fit_sparse(family_for(target), design, target, weight, this->options_,
                                    this->start_for(x.cols()));
        });
    if (fit.point.separable) {
      fit.report.notes.emplace_back(
          "the selected features separate classes: coefficients have no finite optimum and were stopped");
    }
    for (Index c = 0; c < fit.point.coefficients.cols(); ++c) {
      if (!(y.derived().array() == static_cast<typename Y::Scalar>(c)).any()) {
        fit.report.notes.push_back("class " + detail::to_text(c) + " has no samples");
      }
    }
    this->set_model(x.cols(), fit.point, fit.importance, fit.report);
    return *this;
  }

  /// What `y` asks for. Throws `Error` for labels that are none.
  static Family family_for(const Vector<Scalar>& y) {
    for (Index i = 0; i < y.size(); ++i) {
      if (!(y(i) >= 0 && y(i) == std::floor(y(i)) && (y(i) < Scalar(2) || y(i) < static_cast<Scalar>(y.size())))) {
        detail::fail("y(" + detail::to_text(i) + ")", detail::to_text(y(i)),
                     "a label 0, 1, ... below the number of samples");
      }
    }
    return Family(std::max<Index>(2, static_cast<Index>(y.maxCoeff()) + 1));
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
    const Family family(eta.cols());
    double total = 0;
    for (Index i = 0; i < eta.rows(); ++i) {
      const auto label = y.derived().coeff(i, 0);
      if (!(label >= 0 && label < static_cast<decltype(label)>(eta.cols()) && label == std::floor(label))) {
        detail::fail("y(" + detail::to_text(i) + ")", detail::to_text(label),
                     "a label from 0 to " + detail::to_text(eta.cols() - 1));
      }
      total += family.loss(eta.row(i), detail::as_matrix(y).row(i));
    }
    return eta.rows() == 0 ? 0.0 : total / static_cast<double>(eta.rows());
  }

  /// −2 log likelihood.
  template <class X, class Y>
  double deviance(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    return 2 * static_cast<double>(x.rows()) * loss(x, y);
  }
};

namespace detail {

L0_COMPILED_SELECTIONS(MultinomialLikelihood<double>);
L0_COMPILED_FITS(MultinomialFamily<double>);

}  // namespace detail
}  // namespace l0
