// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <Eigen/Core>

#include <l0/core/types.hpp>

/// \file
/// The only place that uses what Eigen does not promise to keep. `L0_NO_EIGEN_INTERNALS`, or an Eigen newer than those
/// tested (3.4 and 5), replaces it by Eigen's public interface: the results are the same up to rounding, and large
/// products then take memory at every call.

#if !defined(L0_NO_EIGEN_INTERNALS) && EIGEN_VERSION_AT_LEAST(6, 0, 0)
/// Defined where Eigen's public interface alone is used.
#define L0_NO_EIGEN_INTERNALS
#endif

namespace l0::detail {

/// The sizes of a product: (rows × depth) · (depth × columns).
struct ProductSizes {
  Index rows;
  Index columns;
  Index depth;
};

#if defined(L0_NO_EIGEN_INTERNALS)

template <class Scalar>
class ProductBlocking {
 public:
  template <class NewMemory>
  void reserve(const ProductSizes&, NewMemory&&) {}

  template <class Lhs, class Rhs>
  void add(const Lhs& lhs, const Rhs& rhs, Eigen::Map<Matrix<Scalar>>& result) {
    result.noalias() += lhs * rhs;
  }
};

#else

/// How a product is cut into panels, and where these are packed. (Eigen/src/Core/products/GeneralMatrixMatrix.h; what
/// is used of it is the same in 3.4 and 5.)
template <class Scalar>
class ProductBlocking : public Eigen::internal::level3_blocking<Scalar, Scalar> {
 public:
  /// For products up to these sizes; `new_memory(entries of the left panel, of the right)` returns where both lie.
  template <class NewMemory>
  void reserve(const ProductSizes& largest, NewMemory&& new_memory) {
    Index kc = largest.depth;
    Index mc = largest.rows;
    Index nc = largest.columns;
    Eigen::internal::computeProductBlockingSizes<Scalar, Scalar, 1>(kc, mc, nc, Index{1});
    // Eigen's panels may be as large as the weights. Where no caches are exceeded, smaller ones are as fast.
    kc = std::min(kc, (largest.depth + (largest.depth - 1) / most_depth) / ((largest.depth - 1) / most_depth + 1));
    mc = std::min(mc, rounded(most_entries / kc));
    nc = std::min(nc, rounded(most_entries / kc));
    const auto panels = new_memory(mc * kc, kc * nc);
    this->m_kc = kc;
    this->m_mc = mc;
    this->m_nc = nc;
    this->m_blockA = panels.first;
    this->m_blockB = panels.second;
  }

  /// result += lhs · rhs; no operand is a vector, none is empty.
  template <class Lhs, class Rhs>
  void add(const Lhs& lhs, const Rhs& rhs, Eigen::Map<Matrix<Scalar>>& result) {
    this->m_kc = std::min(this->m_kc, lhs.cols());
    this->m_mc = std::min(this->m_mc, lhs.rows());
    this->m_nc = std::min(this->m_nc, rhs.cols());
    using Product = Eigen::internal::general_matrix_matrix_product<
        Index, Scalar, Lhs::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor, false, Scalar,
        Rhs::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor, false, Eigen::ColMajor, 1>;
    Product::run(lhs.rows(), rhs.cols(), lhs.cols(), lhs.data(), lhs.outerStride(), rhs.data(), rhs.outerStride(),
                 result.data(), 1, result.outerStride(), Scalar(1), *this, nullptr);
  }

 private:
  static constexpr Index most_depth = 256;
  static constexpr Index most_entries = 98304 / Index{sizeof(Scalar)};                          // of a panel: 96 KB
  static constexpr Index rounded(Index size) { return std::max<Index>(48, size - size % 48); }  // whole registers
};

#endif

}  // namespace l0::detail
