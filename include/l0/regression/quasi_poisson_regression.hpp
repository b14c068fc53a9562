// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/quasi_poisson.hpp>

namespace l0 {

/// Regression of counts that vary more than Poisson's, or less: `QuasiPoisson`. The dispersion is in every price of the
/// criterion, and `family().dispersion` tells it. See `GeneralizedLinearModel` for fit, options
/// and diagnostics.
template <std::floating_point Scalar>
using QuasiPoissonRegression = GeneralizedLinearModel<Scalar, QuasiPoisson>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<QuasiPoisson, double>);

}  // namespace detail
}  // namespace l0
