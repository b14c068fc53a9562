// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// core/: what every other room stands on, and nothing that knows what a gate is.
///
///     types, number_list   Matrix, Vector, Index: Eigen's, by columns, rows are samples; lists of numbers in options
///     error                Error, and the checks with which a call begins, before anything is changed
///     argument             arrays are matrices; another scalar type is one sentence of the compiler
///     batch                what a layer takes, dense or sparse, any expression: seen where it lies, or copied once
///       ▼
///     product              products of matrices into buffers that stay
///     simd                 dispatch: a loop compiled for three instruction sets, one chosen at run time;
///                          math, normal: exp, log, σ, Φ without branches, for the insides of such loops
///       ▼
///     parameter            Parameter: values and gradient, in the model; ParameterRef: a handle on both for
///                          optimizers and files, which tells weights, biases and gates apart

#include <type_traits>

#include <Eigen/Core>

#if !EIGEN_VERSION_AT_LEAST(3, 4, 0)
#error "l0 needs Eigen 3.4 or newer"
#endif

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "l0 compares with infinity and NaN, which -ffast-math and -Ofast remove: add -fno-finite-math-only behind them"
#endif

/// Everything of the library; what is in `l0::detail` may change at any time.
namespace l0 {

/// For sizes and counts: as many bits as the program gives to Eigen, 64 or 32.
using Eigen::Index;

/// Column-major, whatever the program's default is; rows are samples.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

/// A column.
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1, Eigen::ColMajor>;

namespace detail {

/// A row.
template <class Scalar>
using RowVector = Eigen::Matrix<Scalar, 1, Eigen::Dynamic>;

template <class T, class On>
struct DependentType {
  using type = T;
};

/// T, as a type that depends on the template parameter `On`: what is done with it is compiled where it is used, not
/// wherever the header is included (docs/design.md, "Compile time").
template <class T, class On>
using Dependent = typename DependentType<T, On>::type;

/// double, in templates on a scalar; `Dependent` as well.
template <class Scalar>
using Double = std::common_type_t<Scalar, double>;

}  // namespace detail
}  // namespace l0
