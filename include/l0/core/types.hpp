// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

namespace l0 {

using Eigen::Index;

/// Column-major, as everywhere in Eigen; rows are samples.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

}  // namespace l0
