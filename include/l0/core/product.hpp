// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <Eigen/Core>

#include <l0/core/compiled.hpp>
#include <l0/core/eigen_internals.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// A matrix whose shape changes from step to step, in storage that only ever grows.
template <class Scalar>
class Scratch {
 public:
  Scratch() = default;
  // Holds nothing between steps: copies start empty.
  Scratch(const Scratch&) : Scratch() {}
  Scratch(Scratch&&) noexcept = default;
  Scratch& operator=(const Scratch&) { return *this; }
  Scratch& operator=(Scratch&&) noexcept = default;
  ~Scratch() = default;

  void reserve(Index size) {
    if (storage_.size() < size) storage_.resize(size);
  }

  /// Changes the shape; the contents are then undefined.
  Eigen::Map<Matrix<Scalar>> resize(Index rows, Index columns) {
    reserve(rows * columns);
    rows_ = rows;
    columns_ = columns;
    return get();
  }

  Eigen::Map<Matrix<Scalar>> get() { return {storage_.data(), rows_, columns_}; }
  Eigen::Map<const Matrix<Scalar>> get() const { return {storage_.data(), rows_, columns_}; }

 private:
  Vector<Scalar> storage_;
  Index rows_ = 0;
  Index columns_ = 0;
};

/// Matrix products that reuse their packing buffers. Eigen's own product takes them from the heap at every call once
/// they exceed 128 KB; a training step must not allocate, so the same kernel is called with buffers that stay.
template <class Scalar>
class ProductWorkspace {
 public:
  /// Takes all memory that products up to these sizes need.
  void reserve(const ProductSizes& largest) {
    strided_.reserve(largest.depth);
    if (largest.rows <= 1 || largest.columns <= 1 || largest.depth <= 0) return;
    blocking_.reserve(largest, [](Index left, Index right) {
      // Shared by all products of a thread.
      static thread_local Scratch<Scalar> lhs;
      static thread_local Scratch<Scalar> rhs;
      lhs.reserve(left);
      rhs.reserve(right);
      return std::pair(lhs.get().data(), rhs.get().data());
    });
  }

  /// result = lhs · rhs. Operands have direct access with inner stride 1; `result` has its shape and aliases neither.
  /// `largest` bounds the sizes of this product over all steps: buffers are made for it at once.
  template <class Lhs, class Rhs>
  void multiply(const Lhs& lhs, const Rhs& rhs, Eigen::Map<Matrix<Scalar>> result, const ProductSizes& largest) {
    result.setZero();
    add(lhs, rhs, result, largest);
  }

  /// result += lhs · rhs, under the same conditions. Whatever the operands are, the products are compiled once for each
  /// pair of storage orders.
  template <class Lhs, class Rhs>
  void add(const Lhs& lhs, const Rhs& rhs, Eigen::Map<Matrix<Scalar>> result, const ProductSizes& largest) {
    static_assert(bool(Lhs::Flags & Eigen::DirectAccessBit) && bool(Rhs::Flags & Eigen::DirectAccessBit));
    add_views<Lhs::IsRowMajor, Rhs::IsRowMajor>(
        {lhs.data(), lhs.rows(), lhs.cols(), Eigen::OuterStride<>(lhs.outerStride())},
        {rhs.data(), rhs.rows(), rhs.cols(), Eigen::OuterStride<>(rhs.outerStride())}, result, largest);
  }

  template <class Lhs, class Rhs>
  void multiply(const Lhs& lhs, const Rhs& rhs, Matrix<Scalar>& result, const ProductSizes& largest) {
    result.resize(lhs.rows(), rhs.cols());
    multiply(lhs, rhs, Eigen::Map<Matrix<Scalar>>(result.data(), result.rows(), result.cols()), largest);
  }

 private:
  template <bool row_major>
  using View = Eigen::Map<
      const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, row_major ? Eigen::RowMajor : Eigen::ColMajor>,
      Eigen::Unaligned, Eigen::OuterStride<>>;

  template <bool lhs_by_rows, bool rhs_by_rows>
  void add_views(const View<lhs_by_rows>& lhs, const View<rhs_by_rows>& rhs, Eigen::Map<Matrix<Scalar>> result,
                 const ProductSizes& largest);

  /// A vector whose entries lie `stride` apart, copied unless they are neighbours.
  Eigen::Map<const Vector<Scalar>> contiguous(const Scalar* data, Index stride, Index size) {
    if (stride == 1 || size <= 1) return {data, size};
    auto copy = strided_.resize(size, 1);
    copy.col(0) = Eigen::Map<const Vector<Scalar>, Eigen::Unaligned, Eigen::InnerStride<>>(
        data, size, Eigen::InnerStride<>(stride));
    return {copy.data(), size};
  }

  ProductBlocking<Scalar> blocking_;
  Scratch<Scalar> strided_;
};

template <class Scalar>
template <bool lhs_by_rows, bool rhs_by_rows>
void ProductWorkspace<Scalar>::add_views(const View<lhs_by_rows>& lhs, const View<rhs_by_rows>& rhs,
                                         Eigen::Map<Matrix<Scalar>> result, const ProductSizes& largest) {
  // Before all else: a product that is empty or a vector in this step may be neither in the next.
  reserve(largest);
  if (lhs.cols() == 0 || result.size() == 0) return;
  // As vectors in the type too: Eigen copies what is a vector only by its size, above 128 KB to the heap.
  Eigen::Map<Vector<Scalar>> vector(result.data(), result.size());
  if (rhs.cols() == 1) {
    vector.noalias() += lhs * contiguous(rhs.data(), rhs_by_rows ? rhs.outerStride() : 1, rhs.rows());
    return;
  }
  if (lhs.rows() == 1) {
    vector.noalias() += rhs.transpose() * contiguous(lhs.data(), lhs_by_rows ? 1 : lhs.outerStride(), lhs.cols());
    return;
  }
  blocking_.add(lhs, rhs, result);
}

#define L0_COMPILED_PRODUCT(Scalar, lhs_by_rows, rhs_by_rows)                     \
  L0_COMPILED(void ProductWorkspace<Scalar>::add_views<lhs_by_rows, rhs_by_rows>( \
      const View<lhs_by_rows>&, const View<rhs_by_rows>&, Eigen::Map<Matrix<Scalar>>, const ProductSizes&))

L0_COMPILED_PRODUCT(float, false, false);
L0_COMPILED_PRODUCT(float, false, true);
L0_COMPILED_PRODUCT(float, true, false);
L0_COMPILED_PRODUCT(float, true, true);
L0_COMPILED_PRODUCT(double, false, false);
L0_COMPILED_PRODUCT(double, false, true);
L0_COMPILED_PRODUCT(double, true, false);
L0_COMPILED_PRODUCT(double, true, true);

#undef L0_COMPILED_PRODUCT

}  // namespace l0::detail
