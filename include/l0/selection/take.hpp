// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/batch.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// Part of a data set: the chosen rows or columns of X, sparse where X is, and which they are, ascending.
template <class Data>
struct Selection {
  Data data;                   ///< the chosen part of X
  std::vector<Index> indices;  ///< of the chosen, ascending
};

/// With the names of what was chosen.
template <class Data>
struct NamedSelection {
  Data data;                       ///< the chosen part of X
  std::vector<Index> indices;      ///< of the chosen, ascending
  std::vector<std::string> names;  ///< of the chosen
};

/// With a weight for each of the chosen.
template <class Data, class Scalar>
struct WeightedSelection {
  Data data;                   ///< the chosen part of X
  std::vector<Index> indices;  ///< of the chosen, ascending
  Vector<Scalar> weights;      ///< of the chosen
};

namespace detail {

/// Whether the items that are chosen are the rows of X or its columns.
enum class Axis { rows, columns };

template <Axis axis, class X>
void require_items(const X& x, Index count) {
  if constexpr (axis == Axis::rows) {
    require_shape("X", x.rows(), x.cols(), count, x.cols());
  } else {
    require_shape("X", x.rows(), x.cols(), x.rows(), count);
  }
}

/// Chosen rows or columns of a vector that is one along the other axis stay a vector.
template <Axis axis, class X>
struct TakenDense {
  static constexpr int rows = axis == Axis::columns && X::RowsAtCompileTime == 1 ? 1 : Eigen::Dynamic;
  static constexpr int columns = axis == Axis::rows && X::ColsAtCompileTime == 1 ? 1 : Eigen::Dynamic;
  static constexpr bool by_rows = rows == 1 || (columns != 1 && X::IsRowMajor);
  using type = Eigen::Matrix<typename X::Scalar, rows, columns, by_rows ? Eigen::RowMajor : Eigen::ColMajor>;
};

/// The chosen rows or columns of a compressed or uncompressed sparse matrix; `chosen` ascends.
template <Axis axis, class X>
auto take_stored(const X& x, const std::vector<Index>& chosen) {
  using Stored = Eigen::SparseMatrix<typename X::Scalar, X::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor,
                                     typename X::StorageIndex>;
  const auto count = static_cast<Index>(chosen.size());
  Stored result(axis == Axis::rows ? count : x.rows(), axis == Axis::columns ? count : x.cols());
  const auto copy = [&](Index from, Index to, auto&& place) {
    result.startVec(to);
    for (typename X::InnerIterator entry(x, from); entry; ++entry) {
      const Index inner = place(static_cast<Index>(entry.index()));
      if (inner >= 0) result.insertBackByOuterInner(to, inner) = entry.value();
    }
  };
  if constexpr ((axis == Axis::rows) == bool(X::IsRowMajor)) {
    for (Index k = 0; k < count; ++k) {
      copy(chosen[static_cast<std::size_t>(k)], k, [](Index inner) { return inner; });
    }
  } else {
    std::vector<Index> place(static_cast<std::size_t>(x.innerSize()), Index{-1});
    for (Index k = 0; k < count; ++k) place[static_cast<std::size_t>(chosen[static_cast<std::size_t>(k)])] = k;
    for (Index k = 0; k < x.outerSize(); ++k) {
      copy(k, k, [&](Index inner) { return place[static_cast<std::size_t>(inner)]; });
    }
  }
  result.finalize();
  return result;
}

/// The chosen rows or columns of any dense or sparse expression, of any scalar type.
template <Axis axis, BatchInput X>
auto take(const X& x, const std::vector<Index>& chosen) {
  if constexpr (!is_sparse<X>) {
    typename TakenDense<axis, X>::type result;
    if constexpr (axis == Axis::rows) {
      result = x.derived()(chosen, Eigen::seqN(0, x.cols())).matrix();
    } else {
      result = x.derived()(Eigen::seqN(0, x.rows()), chosen).matrix();
    }
    return result;
  } else if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<X>, X>) {
    return take_stored<axis>(x, chosen);
  } else {
    using Stored = Eigen::SparseMatrix<typename X::Scalar, X::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor, int>;
    return take_stored<axis>(Stored(x), chosen);
  }
}

template <Axis axis, BatchInput X>
using Taken = decltype(take<axis>(std::declval<const X&>(), std::vector<Index>()));

}  // namespace detail
}  // namespace l0
