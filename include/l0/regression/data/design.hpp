// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/types.hpp>

/// \file
/// regression/data/: X by columns, and what least squares asks of it.
///
///     samples      checks of X, y and weights; from any Eigen X to a design
///     design       the columns of X, dense or sparse, referenced where they lie or copied once
///     standardized mean and scale of each, X̃ = (X − 1mᵀ) diag(s) without touching X
///     gram         rows of X̃ᵀDX̃, made when a search asks for them; moments: all of them, from sums of products
///     groups       units, the columns that are in or out together

namespace l0::detail {

/// Some rows or columns of a dense matrix. (The name of "all" in Eigen's indexed views differs between its versions.)
template <class M>
Eigen::Matrix<typename M::Scalar, Eigen::Dynamic, M::ColsAtCompileTime, Eigen::ColMajor> rows_of(
    const M& x, const std::vector<Index>& wanted) {
  Eigen::Matrix<typename M::Scalar, Eigen::Dynamic, M::ColsAtCompileTime, Eigen::ColMajor> result(
      static_cast<Index>(wanted.size()), x.cols());
  for (Index j = 0; j < x.cols(); ++j) {
    for (std::size_t i = 0; i < wanted.size(); ++i) result(static_cast<Index>(i), j) = x(wanted[i], j);
  }
  return result;
}
template <class M>
Matrix<typename M::Scalar> columns_of(const M& x, const std::vector<Index>& wanted) {
  Matrix<typename M::Scalar> result(x.rows(), static_cast<Index>(wanted.size()));
  for (std::size_t c = 0; c < wanted.size(); ++c) result.col(static_cast<Index>(c)) = x.col(wanted[c]);
  return result;
}

/// A dense X, column-major: referenced where it lies so in memory, else copied once.
template <class Scalar_>
class DenseDesign {
 public:
  using Scalar = Scalar_;
  using View = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;

  template <class Derived>
  explicit DenseDesign(const Eigen::MatrixBase<Derived>& x)
      : copy_(copy_unless_columns(x.derived())), x_(view(x.derived())) {}
  DenseDesign(const DenseDesign&) = delete;
  DenseDesign& operator=(const DenseDesign&) = delete;

  /// A copy of some rows or columns.
  DenseDesign columns_at(const std::vector<Index>& wanted) const {
    return DenseDesign(Owned{}, columns_of(x_, wanted));
  }
  DenseDesign rows_at(const std::vector<Index>& wanted) const { return DenseDesign(Owned{}, rows_of(x_, wanted)); }

  Index rows() const { return x_.rows(); }
  Index columns() const { return x_.cols(); }

  /// Σᵢ vᵢ xᵢⱼ and Σᵢ vᵢ (xᵢⱼ − m)².
  template <class V>
  double sum(Index j, const V& v) const {
    return static_cast<double>(x_.col(j).dot(v));
  }
  double spread(Index j, const Vector<Scalar>& v, double m, double /*weights*/) const {
    return static_cast<double>(((x_.col(j).array() - static_cast<Scalar>(m)).square() * v.array()).sum());
  }
  /// result = X₍first..first+count₎ᵀ r, for one or several r.
  template <class R, class Result>
  void transpose_times(const R& r, Index first, Index count, Result&& result) const {
    result.noalias() = x_.middleCols(first, count).transpose() * r;
  }
  /// result += s · xⱼ.
  template <class Result>
  void add_column(Index j, Scalar s, Result&& result) const {
    result += s * x_.col(j);
  }

 private:
  struct Owned {};
  DenseDesign(Owned, Matrix<Scalar> x)
      : copy_(std::move(x)), x_(copy_.data(), copy_.rows(), copy_.cols(), Eigen::OuterStride<>(copy_.outerStride())) {}

  template <class Derived>
  static bool is_columns(const Derived& x) {
    if constexpr (bool(Derived::Flags & Eigen::DirectAccessBit) && !Derived::IsRowMajor &&
                  std::is_same_v<typename Derived::Scalar, Scalar>) {
      return x.innerStride() == 1;
    } else {
      return false;
    }
  }
  template <class Derived>
  static Matrix<Scalar> copy_unless_columns(const Derived& x) {
    Matrix<Scalar> copy;
    if (!is_columns(x)) copy = x;
    return copy;
  }
  template <class Derived>
  View view(const Derived& x) const {
    if constexpr (bool(Derived::Flags & Eigen::DirectAccessBit) && !Derived::IsRowMajor &&
                  std::is_same_v<typename Derived::Scalar, Scalar>) {
      if (x.innerStride() == 1) return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.outerStride())};
    }
    return {copy_.data(), copy_.rows(), copy_.cols(), Eigen::OuterStride<>(copy_.outerStride())};
  }

  Matrix<Scalar> copy_;
  View x_;
};

/// A sparse X, compressed by columns: referenced where it is that, else copied once; never made dense.
template <class Scalar_>
class SparseDesign {
 public:
  using Scalar = Scalar_;
  using Storage = Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int>;
  using View = Eigen::Map<const Storage>;

  template <class Derived>
  explicit SparseDesign(const Eigen::SparseMatrixBase<Derived>& x)
      : copy_(copy_unless_columns(x.derived())), x_(view(x.derived())) {}
  SparseDesign(const SparseDesign&) = delete;
  SparseDesign& operator=(const SparseDesign&) = delete;

  /// A copy of some rows or columns.
  SparseDesign columns_at(const std::vector<Index>& wanted) const {
    Storage chosen(rows(), static_cast<Index>(wanted.size()));
    Index entries = 0;
    for (const Index j : wanted) entries += x_.outerIndexPtr()[j + 1] - x_.outerIndexPtr()[j];
    chosen.reserve(entries);
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      chosen.startVec(static_cast<Index>(c));
      for (typename View::InnerIterator entry(x_, wanted[c]); entry; ++entry) {
        chosen.insertBack(entry.row(), static_cast<Index>(c)) = entry.value();
      }
    }
    chosen.finalize();
    return SparseDesign(Owned{}, std::move(chosen));
  }
  SparseDesign rows_at(const std::vector<Index>& wanted) const {
    std::vector<Index> place(static_cast<std::size_t>(rows()), Index{-1});
    for (std::size_t i = 0; i < wanted.size(); ++i) place[static_cast<std::size_t>(wanted[i])] = static_cast<Index>(i);
    const auto place_of = [&](Index i) { return place[static_cast<std::size_t>(i)]; };
    Index entries = 0;
    for (Index j = 0; j < columns(); ++j) {
      for (typename View::InnerIterator entry(x_, j); entry; ++entry) entries += place_of(entry.row()) >= 0 ? 1 : 0;
    }
    Storage chosen(static_cast<Index>(wanted.size()), columns());
    chosen.reserve(entries);
    const bool ascending = std::is_sorted(wanted.begin(), wanted.end());
    std::vector<std::pair<Index, Scalar>> column;
    for (Index j = 0; j < columns(); ++j) {
      column.clear();
      for (typename View::InnerIterator entry(x_, j); entry; ++entry) {
        if (place_of(entry.row()) >= 0) column.emplace_back(place_of(entry.row()), entry.value());
      }
      if (!ascending) std::sort(column.begin(), column.end());
      chosen.startVec(j);
      for (const auto& [i, value] : column) chosen.insertBack(i, j) = value;
    }
    chosen.finalize();
    return SparseDesign(Owned{}, std::move(chosen));
  }

  Index rows() const { return x_.rows(); }
  Index columns() const { return x_.cols(); }

  const Scalar* values() const { return x_.valuePtr(); }
  Index entries() const { return x_.nonZeros(); }

  template <class V>
  double sum(Index j, const V& v) const {
    double total = 0;
    for (typename View::InnerIterator entry(x_, j); entry; ++entry) {
      total += static_cast<double>(entry.value()) * static_cast<double>(v(entry.row()));
    }
    return total;
  }
  /// `weights` is Σ v: summing it here would cost rows × columns.
  double spread(Index j, const Vector<Scalar>& v, double m, double weights) const {
    double total = m * m * weights;
    for (typename View::InnerIterator entry(x_, j); entry; ++entry) {
      const auto value = static_cast<double>(entry.value());
      total += static_cast<double>(v(entry.row())) * value * (value - 2 * m);
    }
    return std::max(total, 0.0);
  }
  /// Many entries against several r: these are laid side by side, a cache line per sample, for they are read in no
  /// order.
  template <class R, class Result>
  void transpose_times(const R& r, Index first, Index count, Result&& result) const {
    const Index entries = x_.outerIndexPtr()[first + count] - x_.outerIndexPtr()[first];
    if (r.cols() == 1 || entries < r.rows()) {
      for (Index j = 0; j < count; ++j) {
        result.row(j).setZero();
        for (typename View::InnerIterator entry(x_, first + j); entry; ++entry) {
          for (Index m = 0; m < r.cols(); ++m) result(j, m) += entry.value() * r(entry.row(), m);
        }
      }
      return;
    }
    constexpr Index line = 64 / sizeof(Scalar);
    Eigen::Matrix<Scalar, line, Eigen::Dynamic, Eigen::ColMajor> side_by_side(line, r.rows());
    for (Index m = 0; m < r.cols(); m += line) {
      const Index width = std::min(line, r.cols() - m);
      if (width < line) side_by_side.setZero();
      side_by_side.topRows(width) = r.middleCols(m, width).transpose();
      for (Index j = 0; j < count; ++j) {
        Eigen::Matrix<Scalar, line, 1> total = Eigen::Matrix<Scalar, line, 1>::Zero();
        for (typename View::InnerIterator entry(x_, first + j); entry; ++entry) {
          total += entry.value() * side_by_side.col(entry.row());
        }
        result.row(j).segment(m, width) = total.head(width).transpose();
      }
    }
  }
  template <class Result>
  void add_column(Index j, Scalar s, Result&& result) const {
    for (typename View::InnerIterator entry(x_, j); entry; ++entry) result(entry.row()) += s * entry.value();
  }

 private:
  struct Owned {};
  SparseDesign(Owned, Storage x)
      : copy_(std::move(x)), x_(copy_.rows(), copy_.cols(), copy_.nonZeros(), copy_.outerIndexPtr(),
                                copy_.innerIndexPtr(), copy_.valuePtr()) {}

  template <class Derived>
  static constexpr bool may_reference =
      std::is_base_of_v<Eigen::SparseCompressedBase<Derived>, Derived> && !Derived::IsRowMajor &&
      std::is_same_v<typename Derived::Scalar, Scalar> && std::is_same_v<typename Derived::StorageIndex, int>;

  template <class Derived>
  static bool is_columns(const Derived& x) {
    if constexpr (may_reference<Derived>) {
      return x.isCompressed();
    } else {
      return false;
    }
  }
  template <class Derived>
  static Storage copy_unless_columns(const Derived& x) {
    Storage copy;
    if (!is_columns(x)) copy = x;
    return copy;
  }
  template <class Derived>
  View view(const Derived& x) const {
    if constexpr (may_reference<Derived>) {
      if (x.isCompressed()) {
        return {x.rows(), x.cols(), x.nonZeros(), x.outerIndexPtr(), x.innerIndexPtr(), x.valuePtr()};
      }
    }
    return {copy_.rows(),          copy_.cols(),          copy_.nonZeros(),
            copy_.outerIndexPtr(), copy_.innerIndexPtr(), copy_.valuePtr()};
  }

  Storage copy_;
  View x_;
};

}  // namespace l0::detail
