// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <string>
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
  std::vector<Scalar> weight;  ///< none: every entry weighs 1

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
    result.weight.resize(weight.size());
    std::vector<Index> next(result.start.begin(), result.start.end() - 1);
    for (Index i = 0; i < lines(); ++i) {
      for (Index k = start[static_cast<std::size_t>(i)]; k < start[static_cast<std::size_t>(i) + 1]; ++k) {
        const Index place = next[static_cast<std::size_t>(other[static_cast<std::size_t>(k)])]++;
        result.other[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(i);
        result.value[static_cast<std::size_t>(place)] = value[static_cast<std::size_t>(k)];
        if (!weight.empty()) result.weight[static_cast<std::size_t>(place)] = weight[static_cast<std::size_t>(k)];
      }
    }
    return result;
  }

  /// Whether the entries of each line ascend, none twice.
  bool is_sorted() const {
    for (std::size_t i = 1; i < start.size(); ++i) {
      for (auto k = static_cast<std::size_t>(start[i - 1]) + 1; k < static_cast<std::size_t>(start[i]); ++k) {
        if (other[k - 1] >= other[k]) return false;
      }
    }
    return true;
  }

  void push(std::int32_t place, Scalar entry) {
    other.push_back(place);
    value.push_back(entry);
  }
  void push(std::int32_t place, Scalar entry, Scalar weighs) {
    push(place, entry);
    weight.push_back(weighs);
  }
  double weight_of(std::size_t k) const { return weight.empty() ? 1 : static_cast<double>(weight[k]); }
  void end_line() { start.push_back(static_cast<Index>(other.size())); }
};

/// The observed entries of R along its rows and along its columns: 8 bytes per entry and side in float, 12 in double,
/// and 4 or 8 for weights. `dense`: every cell of R counts, as a 0 of weight 1, and an entry weighs 1 + `weight`.
template <class Scalar>
struct Ratings {
  EntryLines<Scalar> by_row;
  EntryLines<Scalar> by_column;
  bool dense = false;

  Index entries() const { return by_row.entries(); }

  /// Of all that counts.
  double total_weight() const {
    double sum = dense ? static_cast<double>(by_row.lines()) * static_cast<double>(by_column.lines()) : 0;
    if (by_row.weight.empty()) return sum + static_cast<double>(entries());
    for (const Scalar w : by_row.weight) sum += static_cast<double>(w);
    return sum;
  }

  static Ratings of(EntryLines<Scalar> rows, Index columns, bool dense = false) {
    Ratings result;
    result.by_column = rows.turned(columns);
    result.by_row = std::move(rows);
    result.dense = dense;
    return result;
  }

  /// The other way round.
  void turn() { std::swap(by_row, by_column); }

  /// Every entry weighs as that of `weights` at its place, which has entries where this has some and nowhere else.
  void set_weights(Ratings weights) {
    const EntryLines<Scalar>& w = weights.by_row;
    if (w.lines() != by_row.lines() || weights.by_column.lines() != by_column.lines()) {
      fail("weights", shape_text(w.lines(), weights.by_column.lines()),
           shape_text(by_row.lines(), by_column.lines()) + " as R");
    }
    if (w.start != by_row.start || w.other != by_row.other) {
      fail("weights", to_text(w.entries()) + " entries", "an entry where R has one, and nowhere else");
    }
    by_row.weight = std::move(weights.by_row.value);
    by_column.weight = std::move(weights.by_column.value);
  }

  /// Counts r ≥ 0 become preferences, 1 where r > 0, of weight 1 + α r among zeros of weight 1 (Hu, Koren & Volinsky,
  /// ICDM 2008, eq. 2).
  void make_preferences(double alpha) {
    dense = true;
    for (EntryLines<Scalar>* side : {&by_row, &by_column}) {
      side->weight = side->value;
      for (Scalar& w : side->weight) w *= static_cast<Scalar>(alpha);
      for (Scalar& v : side->value) v = v > 0 ? Scalar(1) : Scalar(0);
    }
  }

  /// Reads any sparse matrix. What is stored counts as observed, zeros too; duplicate entries are summed. Throws
  /// `Error` for a value that is not finite or that `accepts(value)` refuses; `expectation` says why.
  template <class Derived, class Accepts>
  static Ratings read(const Eigen::SparseMatrixBase<Derived>& r, Accepts&& accepts, const char* expectation,
                      const char* name = "R") {
    if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<Derived>, Derived>) {
      return read_stored(r.derived(), accepts, expectation, name);
    } else {
      return read_stored(Eigen::SparseMatrix<typename Derived::Scalar, Eigen::ColMajor, int>(r.derived()), accepts,
                         expectation, name);
    }
  }

 private:
  template <class Sparse, class Accepts>
  static Ratings read_stored(const Sparse& r, Accepts& accepts, const char* expectation, const char* name) {
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    if (r.rows() > most || r.cols() > most)
      fail(name, shape_text(r.rows(), r.cols()), "fewer than 2^31 rows and columns");
    EntryLines<Scalar> outer;
    for (Index line = 0; line < r.outerSize(); ++line) {
      for (typename Sparse::InnerIterator entry(r, line); entry; ++entry) {
        outer.push(static_cast<std::int32_t>(entry.index()), static_cast<Scalar>(entry.value()));
      }
      outer.end_line();
    }
    // Turned, the entries of a line are sorted and duplicates lie side by side.
    EntryLines<Scalar> inner = outer.turned(r.innerSize());
    EntryLines<Scalar> sorted = std::move(outer);
    if (!sorted.is_sorted()) {
      inner = merged(std::move(inner));
      sorted = inner.turned(r.outerSize());
    }
    Ratings result;
    result.by_row = std::move(Sparse::IsRowMajor ? sorted : inner);
    result.by_column = std::move(Sparse::IsRowMajor ? inner : sorted);
    require_values(result.by_row, accepts, expectation, name);
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
  static void require_values(const EntryLines<Scalar>& rows, Accepts& accepts, const char* expectation,
                             const char* name) {
    for (Index i = 0; i < rows.lines(); ++i) {
      for (Index k = rows.start[static_cast<std::size_t>(i)]; k < rows.start[static_cast<std::size_t>(i) + 1]; ++k) {
        const Scalar value = rows.value[static_cast<std::size_t>(k)];
        if (accepts(value)) continue;
        fail(std::string(name) + "(" + to_text(i) + ", " + to_text(rows.other[static_cast<std::size_t>(k)]) + ")",
             to_text(value), expectation);
      }
    }
  }
};

}  // namespace l0::detail
