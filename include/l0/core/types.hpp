// SPDX-License-Identifier: MIT
#pragma once

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

}  // namespace l0
