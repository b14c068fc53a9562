// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/quantile.hpp>

namespace l0 {

/// Regression of a quantile, by default the median: `Quantile`.
///
///     l0::QuantileRegression<double> model({}, {.tau = 0.9}); See `GeneralizedLinearModel` for fit, options
/// and diagnostics.
template <std::floating_point Scalar>
using QuantileRegression = GeneralizedLinearModel<Scalar, Quantile>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<Quantile, double>);

}  // namespace detail
}  // namespace l0
