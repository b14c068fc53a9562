// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// The observed entries of a matrix, compressed along one of its sides: those of line i are start[i] .. start[i+1].
template <class Scalar>
struct EntryLines {
  std::vector<Dependent<Index, Scalar>> start{0};
  std::vector<Dependent<std::int32_t, Scalar>> other;  ///< the entry's place on the other side
  std::vector<Scalar> value;

  Index lines() const { return static_cast<Index>(start.size()) - 1; }
  Index entries() const { return start.back(); }

  /// The same entries along the other side, ascending in this one.
  EntryLines turned(Index other_lines) const {
    EntryLines result;
    result.start.assign(static_cast<std::size_t>(other_lines) + 1, 0);
    for (const std::int32_t j : other) ++result.start[static_cast<std::size_t>(j) + 1];
    for (std::size_t j = 1; j < result.start.size(); ++j) result.start[j] += result.start[j - 1];
    result.other.resize(other.size());
    result.value.resize(value.size());
    std::vector<Index> next(result.start.begin(), result.start.end() - 1);
    for (Index i = 0; i < lines(); ++i) {
      for (Index k = start[static_cast<std::size_t>(i)]; k < start[static_cast<std::size_t>(i) + 1]; ++k) {
        const Index place = next[static_cast<std::size_t>(other[static_cast<std::size_t>(k)])]++;
        result.other[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(i);
        result.value[static_cast<std::size_t>(place)] = value[static_cast<std::size_t>(k)];
      }
    }
    return result;
  }

  void push(std::int32_t place, Scalar entry) {
    other.push_back(place);
    value.push_back(entry);
  }
  void end_line() { start.push_back(static_cast<Index>(other.size())); }
};

/// The observed entries of R along its rows and along its columns: 8 bytes per entry and side in float, 12 in double.
template <class Scalar>
struct Ratings {
  EntryLines<Scalar> by_row;
  EntryLines<Scalar> by_column;

  Index entries() const { return by_row.entries(); }

  static Ratings of(EntryLines<Scalar> rows, Index columns) {
    Ratings result;
    result.by_column = rows.turned(columns);
    result.by_row = std::move(rows);
    return result;
  }

  /// Reads any sparse matrix. What is stored counts as observed, zeros too; duplicate entries are summed. Throws
  /// `Error` for a value that is not finite or that `accepts(value)` refuses; `expectation` says why.
  template <class Derived, class Accepts>
  static Ratings read(const Eigen::SparseMatrixBase<Derived>& r, Accepts&& accepts, const char* expectation) {
    if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<Derived>, Derived>) {
      return read_stored(r.derived(), accepts, expectation);
    } else {
      return read_stored(Eigen::SparseMatrix<typename Derived::Scalar, Eigen::ColMajor, int>(r.derived()), accepts,
                         expectation);
    }
  }

 private:
  template <class Sparse, class Accepts>
  static Ratings read_stored(const Sparse& r, Accepts& accepts, const char* expectation) {
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    if (r.rows() > most || r.cols() > most)
      fail("R", shape_text(r.rows(), r.cols()), "fewer than 2^31 rows and columns");
    EntryLines<Scalar> outer;
    for (Index line = 0; line < r.outerSize(); ++line) {
      for (typename Sparse::InnerIterator entry(r, line); entry; ++entry) {
        outer.push(static_cast<std::int32_t>(entry.index()), static_cast<Scalar>(entry.value()));
      }
      outer.end_line();
    }
    // Turned, the entries of a line are sorted and duplicates lie side by side.
    EntryLines<Scalar> inner = merged(outer.turned(r.innerSize()));
    EntryLines<Scalar> sorted = inner.turned(r.outerSize());
    Ratings result = Sparse::IsRowMajor ? Ratings{std::move(sorted), std::move(inner)}
                                        : Ratings{std::move(inner), std::move(sorted)};
    require_values(result.by_row, accepts, expectation);
    return result;
  }

  static EntryLines<Scalar> merged(EntryLines<Scalar> lines) {
    std::size_t written = 0;
    std::size_t k = 0;
    for (std::size_t line = 1; line < lines.start.size(); ++line) {
      const std::size_t first = written;
      for (const auto end = static_cast<std::size_t>(lines.start[line]); k < end; ++k) {
        if (written > first && lines.other[written - 1] == lines.other[k]) {
          lines.value[written - 1] += lines.value[k];
        } else {
          lines.other[written] = lines.other[k];
          lines.value[written++] = lines.value[k];
        }
      }
      lines.start[line] = static_cast<Index>(written);
    }
    lines.other.resize(written);
    lines.value.resize(written);
    return lines;
  }

  template <class Accepts>
  static void require_values(const EntryLines<Scalar>& rows, Accepts& accepts, const char* expectation) {
    for (Index i = 0; i < rows.lines(); ++i) {
      for (Index k = rows.start[static_cast<std::size_t>(i)]; k < rows.start[static_cast<std::size_t>(i) + 1]; ++k) {
        const Scalar value = rows.value[static_cast<std::size_t>(k)];
        if (accepts(value)) continue;
        fail("R(" + to_text(i) + ", " + to_text(rows.other[static_cast<std::size_t>(k)]) + ")", to_text(value),
             expectation);
      }
    }
  }
};

}  // namespace l0::detail
