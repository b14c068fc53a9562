// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/negative_binomial.hpp>

namespace l0 {

/// Regression of counts whose rate varies beyond what features explain: `NegativeBinomial`; `family().theta` tells how
/// much. See `GeneralizedLinearModel` for fit, options
/// and diagnostics.
template <std::floating_point Scalar>
using NegativeBinomialRegression = GeneralizedLinearModel<Scalar, NegativeBinomial>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<NegativeBinomial, double>);

}  // namespace detail
}  // namespace l0
