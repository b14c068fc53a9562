// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <l0/regression/compiled.hpp>
#include <l0/regression/generalized_linear_model.hpp>
#include <l0/regression/likelihood/huber.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0 {

/// Linear regression that wild targets do not move: `Huber`.
///
///     l0::HuberRegression<double> model({.max_features = 5}, {.delta = 2}); See `GeneralizedLinearModel` for fit,
///     options
/// and diagnostics.
template <std::floating_point Scalar>
using HuberRegression = GeneralizedLinearModel<Scalar, Huber>;

namespace detail {

L0_COMPILED(class PointwiseLikelihood<Huber, double>);

}  // namespace detail
}  // namespace l0
