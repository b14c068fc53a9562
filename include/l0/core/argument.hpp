// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <Eigen/Core>

namespace l0::detail {

/// An argument as a matrix: an array is seen as one, a dense or sparse matrix is returned as it is. Valid as long as x.
template <class Derived>
decltype(auto) as_matrix(const Eigen::EigenBase<Derived>& x) {
  if constexpr (std::is_base_of_v<Eigen::ArrayBase<Derived>, Derived>) {
    return x.derived().matrix();
  } else {
    return (x.derived());
  }
}

/// The same for what must be of the scalar type of the object that is called. For another the compiler stops with one
/// sentence; what is returned then only serves to have it say no more than that.
template <class Scalar, class Derived>
decltype(auto) as_matrix_of(const Eigen::EigenBase<Derived>& x) {
  constexpr bool same = std::is_same_v<typename Derived::Scalar, Scalar>;
  static_assert(same, "l0: a matrix, vector or array of another scalar type; convert it with .cast<Scalar>()");
  if constexpr (same) {
    return as_matrix(x);
  } else if constexpr (std::is_base_of_v<Eigen::ArrayBase<Derived>, Derived>) {
    return x.derived().matrix().template cast<Scalar>();
  } else {
    return x.derived().template cast<Scalar>();
  }
}

}  // namespace l0::detail
