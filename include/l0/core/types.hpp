// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <Eigen/Core>

/// Everything of the library; what is in `l0::detail` may change at any time.
namespace l0 {

using Eigen::Index;

/// Column-major, as everywhere in Eigen; rows are samples.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// A column.
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

namespace detail {

/// double, in templates on a scalar. As it depends on the scalar, expressions of it are compiled where they are used,
/// not wherever the header is included.
template <class Scalar>
using Double = std::common_type_t<Scalar, double>;

}  // namespace detail
}  // namespace l0
