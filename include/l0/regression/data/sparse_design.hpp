// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0::detail {

/// A sparse X, compressed by columns with ascending rows: referenced where it is that, else copied once; never made
/// dense. Entries stored twice are added, as Eigen adds triplets.
template <class Scalar, class Precise>
class SparseDesign final : public Design<Precise> {
 public:
  using Storage = Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int>;
  using View = Eigen::Map<const Storage>;
  using Entry = typename View::InnerIterator;

  template <class Derived>
  explicit SparseDesign(const Eigen::SparseMatrixBase<Derived>& x)
      : Design<Precise>(x.cols(), epsilon()), copy_(copy_unless_columns(x.derived())), x_(view(x.derived())) {
    if (is_ordered()) return;
    copy_ = in_order(x_);
    new (&x_) View(view_of(copy_));
  }

  Index rows() const override { return x_.rows(); }
  /// The stored numbers.
  Eigen::Map<const Vector<Scalar>> values() const { return {x_.valuePtr(), x_.nonZeros()}; }

 private:
  static constexpr auto epsilon() { return static_cast<Precise>(std::numeric_limits<Scalar>::epsilon()); }

  struct Owned {};
  SparseDesign(Owned, Storage x) : Design<Precise>(x.cols(), epsilon()), copy_(std::move(x)), x_(view_of(copy_)) {}
  static View view_of(const Storage& x) {
    return {x.rows(), x.cols(), x.nonZeros(), x.outerIndexPtr(), x.innerIndexPtr(), x.valuePtr()};
  }

  Index entries(Index j) const { return x_.outerIndexPtr()[j + 1] - x_.outerIndexPtr()[j]; }

  std::pair<Precise, Precise> raw_range(Index j) const override {
    const auto column = values().segment(x_.outerIndexPtr()[j], entries(j));
    const bool full = entries(j) == rows();
    Precise lowest = full && rows() > 0 ? static_cast<Precise>(column(0)) : Precise(0);
    Precise highest = lowest;
    for (Index i = 0; i < column.size(); ++i) {
      lowest = std::min(lowest, static_cast<Precise>(column(i)));
      highest = std::max(highest, static_cast<Precise>(column(i)));
    }
    return {lowest, highest};
  }
  Precise raw_sum(Index j, const Eigen::Ref<const Vector<Precise>>& v) const override {
    Precise total = 0;
    for (Entry entry(x_, j); entry; ++entry) total += static_cast<Precise>(entry.value()) * v(entry.row());
    return total;
  }
  /// The rows that are not stored count with what is left of the weights: exactly nothing in a full column, where the
  /// difference would be rounding times m².
  Precise raw_spread(Index j, const Vector<Precise>& v, Precise m, Precise weights) const override {
    Precise total = 0;
    Precise stored = 0;
    for (Entry entry(x_, j); entry; ++entry) {
      const Precise away = static_cast<Precise>(entry.value()) - m;
      total += v(entry.row()) * away * away;
      stored += v(entry.row());
    }
    if (entries(j) < rows()) total += std::max(weights - stored, Precise(0)) * m * m;
    return total;
  }
  /// Many entries against several r: these are laid side by side, a cache line per sample, for they are read in no
  /// order.
  void raw_transpose_times(const Matrix<Precise>& r, Index first, Matrix<Precise>& result) const override {
    const Index count = result.rows();
    const Index stored = x_.outerIndexPtr()[first + count] - x_.outerIndexPtr()[first];
    if (r.cols() == 1 || stored < r.rows()) {
      for (Index j = 0; j < count; ++j) {
        result.row(j).setZero();
        for (Entry entry(x_, first + j); entry; ++entry) {
          for (Index m = 0; m < r.cols(); ++m) result(j, m) += static_cast<Precise>(entry.value()) * r(entry.row(), m);
        }
      }
      return;
    }
    constexpr Index line = std::max<Index>(1, 64 / static_cast<Index>(sizeof(Precise)));
    Eigen::Matrix<Precise, line, Eigen::Dynamic, Eigen::ColMajor> side_by_side(line, r.rows());
    for (Index m = 0; m < r.cols(); m += line) {
      const Index width = std::min(line, r.cols() - m);
      if (width < line) side_by_side.setZero();
      side_by_side.topRows(width) = r.middleCols(m, width).transpose();
      for (Index j = 0; j < count; ++j) {
        Eigen::Matrix<Precise, line, 1> total = Eigen::Matrix<Precise, line, 1>::Zero();
        for (Entry entry(x_, first + j); entry; ++entry) {
          total += static_cast<Precise>(entry.value()) * side_by_side.col(entry.row());
        }
        result.row(j).segment(m, width) = total.head(width).transpose();
      }
    }
  }
  void raw_add_column(Index j, Precise s, Eigen::Ref<Vector<Precise>> result) const override {
    for (Entry entry(x_, j); entry; ++entry) result(entry.row()) += s * static_cast<Precise>(entry.value());
  }
  void raw_copy_rows(Index first, Matrix<Precise>& to) const override {
    to.setZero();
    const int* const row = x_.innerIndexPtr();
    for (Index j = 0; j < x_.cols(); ++j) {
      const int* const end = row + x_.outerIndexPtr()[j + 1];
      for (const int* at = std::lower_bound(row + x_.outerIndexPtr()[j], end, static_cast<int>(first)); at != end;
           ++at) {
        if (*at >= first + to.rows()) break;
        to(*at - first, j) = static_cast<Precise>(x_.valuePtr()[at - row]);
      }
    }
  }

  std::unique_ptr<Design<Precise>> raw_columns_at(const std::vector<Index>& wanted) const override {
    Storage chosen(rows(), static_cast<Index>(wanted.size()));
    Index total = 0;
    for (const Index j : wanted) total += entries(j);
    chosen.reserve(total);
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      chosen.startVec(static_cast<Index>(c));
      for (Entry entry(x_, wanted[c]); entry; ++entry) {
        chosen.insertBack(entry.row(), static_cast<Index>(c)) = entry.value();
      }
    }
    chosen.finalize();
    return std::unique_ptr<Design<Precise>>(new SparseDesign(Owned{}, std::move(chosen)));
  }
  std::unique_ptr<Design<Precise>> raw_rows_at(const std::vector<Index>& wanted) const override {
    std::vector<Index> place(static_cast<std::size_t>(rows()), Index{-1});
    for (std::size_t i = 0; i < wanted.size(); ++i) place[static_cast<std::size_t>(wanted[i])] = static_cast<Index>(i);
    return std::unique_ptr<Design<Precise>>(
        new SparseDesign(Owned{}, built(static_cast<Index>(wanted.size()), [&](Index j, auto& column) {
                           for (Entry entry(x_, j); entry; ++entry) {
                             const Index i = place[static_cast<std::size_t>(entry.row())];
                             if (i >= 0) column.emplace_back(i, entry.value());
                           }
                         })));
  }
  /// What is far from 0 in all rows is stored in all rows.
  void move(const Vector<Precise>& by) override {
    copy_ = built(rows(), [&](Index j, auto& column) {
      if (by(j) != 0) {
        for (Index i = 0; i < rows(); ++i) column.emplace_back(i, static_cast<Scalar>(-by(j)));
        for (Entry entry(x_, j); entry; ++entry) {
          column[static_cast<std::size_t>(entry.row())].second =
              static_cast<Scalar>(static_cast<Precise>(entry.value()) - by(j));
        }
      } else {
        for (Entry entry(x_, j); entry; ++entry) column.emplace_back(entry.row(), entry.value());
      }
    });
    new (&x_) View(view_of(copy_));  // Eigen's way to point a map elsewhere
  }

  /// A matrix of the columns that `write(j, entries)` gives, in any order of rows; entries of one row are added.
  template <class Write>
  Storage built(Index rows, Write write) const {
    Storage result(rows, x_.cols());
    result.reserve(x_.nonZeros());
    std::vector<std::pair<Index, Scalar>> column;
    for (Index j = 0; j < x_.cols(); ++j) {
      column.clear();
      write(j, column);
      std::sort(column.begin(), column.end());
      result.startVec(j);
      for (std::size_t e = 0; e < column.size();) {
        const Index i = column[e].first;
        Scalar value = 0;
        for (; e < column.size() && column[e].first == i; ++e) value += column[e].second;
        result.insertBack(i, j) = value;
      }
    }
    result.finalize();
    return result;
  }

  bool is_ordered() const {
    for (Index j = 0; j < x_.cols(); ++j) {
      for (int e = x_.outerIndexPtr()[j] + 1; e < x_.outerIndexPtr()[j + 1]; ++e) {
        if (x_.innerIndexPtr()[e] <= x_.innerIndexPtr()[e - 1]) return false;
      }
    }
    return true;
  }
  Storage in_order(const View& x) const {
    return built(x.rows(), [&](Index j, auto& column) {
      for (Entry entry(x, j); entry; ++entry) column.emplace_back(entry.row(), entry.value());
    });
  }

  template <class Derived>
  static constexpr bool may_reference =
      std::is_base_of_v<Eigen::SparseCompressedBase<Derived>, Derived> && !Derived::IsRowMajor &&
      std::is_same_v<typename Derived::Scalar, Scalar> && std::is_same_v<typename Derived::StorageIndex, int>;

  template <class Derived>
  static Storage copy_unless_columns(const Derived& x) {
    Storage copy;
    if constexpr (may_reference<Derived>) {
      if (x.isCompressed()) return copy;
    }
    copy = x;
    copy.makeCompressed();
    return copy;
  }
  template <class Derived>
  View view(const Derived& x) const {
    if constexpr (may_reference<Derived>) {
      if (x.isCompressed()) {
        return {x.rows(), x.cols(), x.nonZeros(), x.outerIndexPtr(), x.innerIndexPtr(), x.valuePtr()};
      }
    }
    return view_of(copy_);
  }

  Storage copy_;
  View x_;
};

}  // namespace l0::detail
