// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0 {

/// Regression of counts ≥ 0 with log link: `Poisson`. Counts of people and things mostly vary more than Poisson's;
/// `QuasiPoissonRegression` and `NegativeBinomialRegression` allow for it. See `GeneralizedLinearModel` for fit,
/// options and diagnostics.
template <std::floating_point Scalar>
using PoissonRegression = GeneralizedLinearModel<Scalar, Poisson>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<Poisson, double>);

}  // namespace detail
}  // namespace l0
