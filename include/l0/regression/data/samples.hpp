// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <Eigen/SparseCore>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0::detail {

/// Calls `use(design)` with X as a column design: dense or sparse.
template <class Scalar, class Derived, class Use>
decltype(auto) with_design(const Eigen::EigenBase<Derived>& x, Use&& use) {
  static_assert(std::is_same_v<typename Derived::Scalar, Scalar>,
                "l0: X has another scalar type than the model; convert it with X.cast<Scalar>()");
  if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<Derived>, Derived>) {
    const SparseDesign<Scalar> design(x.derived());
    require_finite("X", Eigen::Map<const Vector<Scalar>>(design.values(), design.entries()));
    return use(design);
  } else {
    require_finite("X", x.derived());
    const DenseDesign<Scalar> design(x.derived());
    return use(design);
  }
}

/// Sample weights with mean 1: all 1 where none are given.
template <class Scalar, class Derived>
Vector<Scalar> unit_mean_weights(const Eigen::MatrixBase<Derived>& weights, Index samples) {
  if (weights.size() == 0) return Vector<Scalar>::Ones(samples);
  require_shape("sample_weight", weights.rows(), weights.cols(), samples, 1);
  require_finite("sample_weight", weights);
  for (Index i = 0; i < weights.size(); ++i) {
    const auto w = weights.derived().coeff(i);
    require(w >= 0, "sample_weight", w, "a number >= 0");
  }
  const auto total = weights.template cast<double>().sum();
  require(total > 0, "sample_weight", total, "a sum > 0");
  return (weights.template cast<double>() * (static_cast<double>(samples) / total)).template cast<Scalar>();
}

}  // namespace l0::detail
