// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <l0/core/batch.hpp>
#include <l0/selection/take.hpp>

namespace l0::detail {

/// X with its rows or columns scaled by gates, and the way back: diag(z) X or X diag(z).
///
/// What a closed gate scales is exactly 0, whatever X holds there, and not read; in sparse results it is not stored.
template <class Scalar, Axis axis>
class GatedBatch {
 public:
  GatedBatch() = default;
  // The part after this one may refer to the buffers: moves keep their address (Eigen 3.4 would copy sparse ones),
  // copies start empty.
  GatedBatch(const GatedBatch&) : GatedBatch() {}
  GatedBatch(GatedBatch&& other) noexcept
      : batch_(std::move(other.batch_)), rows_(other.rows_), columns_(other.columns_), dense_(std::move(other.dense_)) {
    sparse_columns_.swap(other.sparse_columns_);
    sparse_rows_.swap(other.sparse_rows_);
  }
  GatedBatch& operator=(const GatedBatch&) {
    batch_.clear();
    return *this;
  }
  ~GatedBatch() = default;

  bool empty() const { return batch_.empty(); }
  Index rows() const { return rows_; }
  Index columns() const { return columns_; }

  /// Returns the scaled X, a buffer: dense, or sparse in the order of X.
  template <BatchInput X>
  const auto& scale(X&& x, const Vector<Scalar>& z) {
    using Plain = std::remove_cvref_t<X>;
    batch_.set(std::forward<X>(x));
    auto& result = buffer<Plain>();
    batch_.visit([&](const auto& view) {
      rows_ = view.rows();
      columns_ = view.cols();
      if constexpr (is_sparse_view<std::remove_cvref_t<decltype(view)>> == is_sparse<Plain>) write(view, z, result);
    });
    return std::as_const(result);
  }

  /// gradient = d/dz of Σ upstream ∘ (scaled X); 0 for closed gates, where it does not matter.
  template <class Upstream>
  void differentiate(const Upstream& upstream, const Vector<Scalar>& z, Vector<Scalar>& gradient) const {
    gradient.setZero(z.size());
    batch_.visit([&](const auto& x) {
      using View = std::remove_cvref_t<decltype(x)>;
      if constexpr (is_sparse_view<View>) {
        for (Index k = 0; k < x.outerSize(); ++k) {
          for (typename View::InnerIterator entry(x, k); entry; ++entry) {
            const Index item = axis == Axis::rows ? entry.row() : entry.col();
            if (z(item) != 0) gradient(item) += entry.value() * upstream(entry.row(), entry.col());
          }
        }
      } else if constexpr (axis == Axis::columns) {
        for (Index j = 0; j < z.size(); ++j) {
          if (z(j) != 0) gradient(j) = upstream.col(j).dot(x.col(j));
        }
      } else {
        for (Index j = 0; j < x.cols(); ++j) {
          for (Index i = 0; i < z.size(); ++i) {
            if (z(i) != 0) gradient(i) += upstream(i, j) * x(i, j);
          }
        }
      }
    });
  }

  /// result = dense x, scaled.
  template <class X>
  static void write(const X& x, const Vector<Scalar>& z, Matrix<Scalar>& result) requires(!is_sparse<X>) {
    result.resize(x.rows(), x.cols());
    for (Index j = 0; j < x.cols(); ++j) {
      if constexpr (axis == Axis::rows) {
        for (Index i = 0; i < x.rows(); ++i) result(i, j) = z(i) != 0 ? x(i, j) * z(i) : Scalar(0);
      } else if (z(j) != 0) {
        result.col(j) = x.col(j) * z(j);
      } else {
        result.col(j).setZero();
      }
    }
  }

  template <class X, int order>
  static void write(const X& x, const Vector<Scalar>& z,
                    Eigen::SparseMatrix<Scalar, order, int>& result) requires(is_sparse<X>&& bool(X::IsRowMajor) ==
                                                                              (order == Eigen::RowMajor)) {
    result.resize(x.rows(), x.cols());
    result.reserve(x.nonZeros());
    for (Index k = 0; k < x.outerSize(); ++k) {
      result.startVec(k);
      for (typename X::InnerIterator entry(x, k); entry; ++entry) {
        const Scalar gate = z(axis == Axis::rows ? entry.row() : entry.col());
        if (gate != 0) result.insertBackByOuterInner(k, entry.index()) = entry.value() * gate;
      }
    }
    result.finalize();
  }
  // The pairs of view and buffer that `scale` never meets.
  template <class X, class Result>
  static void write(const X&, const Vector<Scalar>&, Result&) {}

 private:
  template <class X>
  auto& buffer() {
    if constexpr (!is_sparse<X>) {
      return dense_;
    } else if constexpr (X::IsRowMajor) {
      return sparse_rows_;
    } else {
      return sparse_columns_;
    }
  }

  BatchView<Scalar> batch_;
  Index rows_ = 0;
  Index columns_ = 0;
  Matrix<Scalar> dense_;
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> sparse_columns_;
  Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int> sparse_rows_;
};

}  // namespace l0::detail
