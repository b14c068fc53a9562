// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <string_view>
#include <utility>

#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/options.hpp>

namespace l0 {

/// Logistic regression of labels 0 and 1 that keeps few features; see `GeneralizedLinearModel` for fit, options and
/// diagnostics.
///
///     l0::LogisticRegression<double> model;
///     model.fit(X, y);
///     model.predict_probability(X_new);
template <std::floating_point Scalar>
class LogisticRegression : public GeneralizedLinearModel<Scalar, Bernoulli> {
  using Base = GeneralizedLinearModel<Scalar, Bernoulli>;

 public:
  static constexpr std::string_view stored_name = "LogisticRegression";  ///< what a file of `save` calls it

  /// Options are checked by `fit`, against its data.
  explicit LogisticRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// P(y = 1 | X).
  template <class X>
  Vector<Scalar> predict_probability(const Eigen::EigenBase<X>& x) const {
    return this->predict_mean(x);
  }

  /// The likelier label, 0 or 1.
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    return this->linear_predictor(x).unaryExpr([](Scalar eta) { return eta > 0 ? Scalar(1) : Scalar(0); });
  }
};

namespace detail {

L0_COMPILED(class PointwiseLikelihood<Bernoulli, double>);

}  // namespace detail
}  // namespace l0
