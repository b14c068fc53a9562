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

/// A row.
template <class Scalar>
using RowVector = Eigen::Matrix<Scalar, 1, Eigen::Dynamic>;

template <class T, class On>
struct DependentType {
  using type = T;
};

/// T, as a type that depends on the template parameter `On`: what is done with it is compiled where it is used, not
/// wherever the header is included.
template <class T, class On>
using Dependent = typename DependentType<T, On>::type;

/// double, in templates on a scalar; `Dependent` as well.
template <class Scalar>
using Double = std::common_type_t<Scalar, double>;

}  // namespace detail
}  // namespace l0
