// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0::detail {

/// Calls `use(design)` with X as a column design: dense or sparse.
template <class Scalar, class Derived, class Use>
decltype(auto) with_design(const Eigen::EigenBase<Derived>& x, Use&& use) {
  const auto& data = as_matrix_of<Scalar>(x);
  if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<Derived>, Derived>) {
    const SparseDesign<Scalar> design(data);
    require_finite("X", Eigen::Map<const Vector<Scalar>>(design.values(), design.entries()));
    return use(design);
  } else {
    require_finite("X", data);
    const DenseDesign<Scalar> design(data);
    return use(design);
  }
}

/// Sample weights with mean 1: all 1 where none are given.
template <class Scalar, class Derived>
Vector<Scalar> unit_mean_weights(const Eigen::DenseBase<Derived>& weights, Index samples) {
  if (weights.size() == 0) return Vector<Scalar>::Ones(samples);
  require_shape("sample_weight", weights.rows(), weights.cols(), samples, 1);
  require_finite("sample_weight", weights);
  for (Index i = 0; i < weights.size(); ++i) {
    const auto w = weights.derived().coeff(i);
    require(w >= 0, "sample_weight", w, "a number >= 0");
  }
  const auto precise = as_matrix(weights).template cast<double>();
  const double total = precise.sum();
  require(total > 0, "sample_weight", total, "a sum > 0");
  return (precise * (static_cast<double>(samples) / total)).template cast<Scalar>();
}

}  // namespace l0::detail
