// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <l0/core/types.hpp>
#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/options.hpp>

namespace l0 {

/// Poisson regression of counts ≥ 0 with log link that keeps few features; see `GeneralizedLinearModel` for fit,
/// options and diagnostics.
template <std::floating_point Scalar>
class PoissonRegression : public GeneralizedLinearModel<Scalar, detail::PoissonFamily> {
  using Base = GeneralizedLinearModel<Scalar, detail::PoissonFamily>;

 public:
  /// Options are checked by `fit`, against its data.
  explicit PoissonRegression(RegressionOptions options = {}) : Base(std::move(options)) {}

  /// The expected counts exp(X w + b).
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    return this->predict_mean(x);
  }
};

namespace detail {

L0_COMPILED(class PointwiseLikelihood<PoissonFamily, double>);

}  // namespace detail
}  // namespace l0
