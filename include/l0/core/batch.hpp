// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/product.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// What a layer takes as a batch: any Eigen dense expression or sparse matrix; rows are samples.
template <class X>
concept BatchInput = std::is_base_of_v<Eigen::EigenBase<std::remove_cvref_t<X>>, std::remove_cvref_t<X>>;

namespace detail {

template <class Scalar, int order>
using DenseView = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, order>, Eigen::Unaligned,
                             Eigen::OuterStride<>>;

template <class Scalar, int order>
using SparseView = Eigen::Map<const Eigen::SparseMatrix<Scalar, order, int>>;

template <class View>
inline constexpr bool is_sparse_view = std::is_base_of_v<Eigen::SparseMatrixBase<View>, View>;

template <class X>
inline constexpr bool is_sparse = std::is_base_of_v<Eigen::SparseMatrixBase<X>, X>;

/// Refuses X without `inputs` columns, unless that is negative: not known.
template <class X>
void require_columns(const X& x, Index inputs) {
  if (inputs >= 0) require_shape("X", x.rows(), x.cols(), x.rows(), inputs);
}

/// Refuses X without `inputs` columns; builds with assertions also refuse NaN and infinity in dense X.
template <class X>
void check_batch(const X& x, Index inputs) {
  require_columns(x, inputs);
#ifndef NDEBUG
  if constexpr (!is_sparse<X>) require_finite("X", x.derived());
#endif
}

/// Whether two dense matrices have memory in common.
template <class A, class B>
bool overlap(const A& a, const B& b) {
  if (a.size() == 0 || b.size() == 0) return false;
  const auto first = [](const auto& m) { return reinterpret_cast<std::uintptr_t>(m.data()); };
  const auto end = [](const auto& m) {
    const Index lines = m.outerSize() - 1;
    return reinterpret_cast<std::uintptr_t>(m.data() + lines * m.outerStride() + m.innerSize());
  };
  return first(a) < end(b) && first(b) < end(a);
}

/// Refuses a matrix for the gradient by X that backward still reads: it would be overwritten half way.
template <class Gradient, class Upstream, class Batch>
void require_apart(const Gradient& input_gradient, const Upstream& upstream, const Batch& batch) {
  if (overlap(input_gradient, upstream) || batch.looks_at(input_gradient)) {
    fail("input_gradient", "a matrix that backward reads", "one of its own");
  }
}

/// The batch of the last forward pass, kept for backward. Matrices, maps, blocks and refs given as lvalues are
/// referenced; everything else is evaluated into a buffer of its own, which is reused.
template <class Scalar>
class BatchView {
 public:
  BatchView() = default;
  // The view may refer to the other object's buffer: copies start without a batch. Moved buffers keep their address;
  // Eigen 3.4 would copy sparse ones, but swaps them.
  BatchView(const BatchView&) : BatchView() {}
  BatchView(BatchView&& other) noexcept : dense_(std::move(other.dense_)), view_(other.view_) {
    sparse_columns_.swap(other.sparse_columns_);
    sparse_rows_.swap(other.sparse_rows_);
    other.clear();
  }
  BatchView& operator=(const BatchView&) {
    clear();
    return *this;
  }
  ~BatchView() = default;

  template <BatchInput X>
  void set(X&& batch) {
    using Plain = std::remove_cvref_t<X>;
    if constexpr (!std::is_same_v<typename Plain::Scalar, Scalar>) {
      as_matrix_of<Scalar>(batch);
    } else if constexpr (is_sparse<Plain>) {
      set_sparse(batch, std::bool_constant<std::is_lvalue_reference_v<X>>{});
    } else {
      set_dense(batch.derived(), std::bool_constant<std::is_lvalue_reference_v<X>>{});
    }
  }

  void clear() { view_.template emplace<std::monostate>(); }
  bool empty() const { return view_.index() == 0; }

  /// Whether it looks at numbers of a dense matrix.
  bool looks_at(const Matrix<Scalar>& other) const {
    bool found = false;
    visit([&](const auto& view) {
      if constexpr (!is_sparse_view<std::remove_cvref_t<decltype(view)>>) found = overlap(view, other);
    });
    return found;
  }

  /// Calls `use(view)` with a dense or sparse map of the batch.
  template <class Use>
  void visit(Use&& use) const {
    std::visit(
        [&](const auto& view) {
          if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(view)>, std::monostate>) use(view);
        },
        view_);
  }

 private:
  template <class X, bool is_lvalue>
  void set_dense(const X& batch, std::bool_constant<is_lvalue>) {
    if constexpr (is_lvalue && bool(X::Flags & Eigen::DirectAccessBit)) {
      if (batch.innerStride() == 1 || batch.size() == 0) {
        view_.template emplace<DenseView<Scalar, X::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor>>(
            batch.data(), batch.rows(), batch.cols(), Eigen::OuterStride<>(batch.outerStride()));
        return;
      }
    }
    dense_ = as_matrix(batch);
    view_.template emplace<DenseView<Scalar, Eigen::ColMajor>>(dense_.data(), dense_.rows(), dense_.cols(),
                                                               Eigen::OuterStride<>(dense_.outerStride()));
  }

  template <class X, bool is_lvalue>
  void set_sparse(const X& batch, std::bool_constant<is_lvalue>) {
    constexpr int order = X::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor;
    if constexpr (is_lvalue && std::is_base_of_v<Eigen::SparseCompressedBase<X>, X> &&
                  std::is_same_v<typename X::StorageIndex, int>) {
      reference_sparse<order>(batch);
    } else if constexpr (order == Eigen::RowMajor) {
      sparse_rows_ = batch;
      reference_sparse<order>(sparse_rows_);
    } else {
      sparse_columns_ = batch;
      reference_sparse<order>(sparse_columns_);
    }
  }

  template <int order, class X>
  void reference_sparse(const X& batch) {
    view_.template emplace<SparseView<Scalar, order>>(batch.rows(), batch.cols(), batch.nonZeros(),
                                                      batch.outerIndexPtr(), batch.innerIndexPtr(), batch.valuePtr(),
                                                      batch.innerNonZeroPtr());
  }

  Matrix<Scalar> dense_;
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> sparse_columns_;
  Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int> sparse_rows_;
  std::variant<std::monostate, DenseView<Scalar, Eigen::ColMajor>, DenseView<Scalar, Eigen::RowMajor>,
               SparseView<Scalar, Eigen::ColMajor>, SparseView<Scalar, Eigen::RowMajor>>
      view_;
};

}  // namespace detail
}  // namespace l0
