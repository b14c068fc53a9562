// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/gamma.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0 {

/// Regression of amounts > 0 with log link: `Gamma`; `family().dispersion` tells their squared coefficient of
/// variation. See `GeneralizedLinearModel` for fit, options and diagnostics.
template <std::floating_point Scalar>
using GammaRegression = GeneralizedLinearModel<Scalar, Gamma>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<Gamma, double>);

}  // namespace detail
}  // namespace l0
