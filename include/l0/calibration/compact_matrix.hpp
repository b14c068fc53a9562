// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/error.hpp>
#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// out[c] = Σ_k value_k r[row_k] over the entries of column columns[c]; with `squared`, r and out hold pairs and the
/// second of each is Σ value_k² r[row_k].
template <bool squared>
struct GatherColumns {
  template <class Row, class Scalar>
  L0_ALWAYS_INLINE static void run(const Index* start, const Row* row, const Scalar* value, const Index* columns,
                                   Index count, const Scalar* r, Scalar* out) {
    constexpr int lanes = 8;  // one sum would wait for each addition; eight also suit the vector units
    constexpr int width = squared ? 2 : 1;
    for (Index c = 0; c < count; ++c) {
      Index k = start[columns[c]];
      const Index end = start[columns[c] + 1];
      Scalar first[lanes] = {};
      Scalar second[lanes] = {};
      for (; k + lanes <= end; k += lanes) {
        for (int i = 0; i < lanes; ++i) first[i] += value[k + i] * r[width * static_cast<Index>(row[k + i])];
        if constexpr (squared) {
          for (int i = 0; i < lanes; ++i) {
            second[i] += value[k + i] * value[k + i] * r[2 * static_cast<Index>(row[k + i]) + 1];
          }
        }
      }
      Scalar total = 0;
      Scalar total_squared = 0;
      for (; k < end; ++k) {
        total += value[k] * r[width * static_cast<Index>(row[k])];
        if constexpr (squared) total_squared += value[k] * value[k] * r[2 * static_cast<Index>(row[k]) + 1];
      }
      for (int i = 0; i < lanes; ++i) total += first[i];
      out[width * c] = total;
      if constexpr (squared) {
        for (int i = 0; i < lanes; ++i) total_squared += second[i];
        out[2 * c + 1] = total_squared;
      }
    }
  }
};

/// sum[row_k] += value_k w[c] over the entries of column columns[c]; with `squared`, w and sum hold pairs and the
/// second of each gets value_k² times its own.
template <bool squared>
struct ScatterColumns {
  template <class Row, class Scalar, class Sum>
  L0_ALWAYS_INLINE static void run(const Index* start, const Row* row, const Scalar* value, const Index* columns,
                                   Index count, const Scalar* w, Sum* sum) {
    for (Index c = 0; c < count; ++c) {
      const Index end = start[columns[c] + 1];
      for (Index k = start[columns[c]]; k < end; ++k) {
        if constexpr (squared) {
          sum[2 * static_cast<Index>(row[k])] += static_cast<Sum>(value[k] * w[2 * c]);
          sum[2 * static_cast<Index>(row[k]) + 1] += static_cast<Sum>(value[k] * value[k] * w[2 * c + 1]);
        } else {
          sum[row[k]] += static_cast<Sum>(value[k] * w[c]);
        }
      }
    }
  }
};

/// A number that has nothing to do with its neighbours' (the finaliser of SplitMix64, Steele et al. 2014).
constexpr std::uint64_t scrambled(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

/// The one working copy of M (targets × records): compressed by records, so that one record's entries lie together for
/// both of its passes, the product with the residuals and the update of the predictions. Row numbers take 16 bits where
/// there are at most 65 536 targets, else 32: 6 or 8 bytes per entry in float. A record's entries lie in the order of
/// their rows however they were stored; duplicates are summed in double, zeros dropped.
///
/// Given a key per record, the records lie in an order that is drawn from what they contain and not from where they
/// stood in the file, so that nothing that goes through them one after the other, or breaks ties by their number, can
/// favour a part of the file: a permuted file gives the same matrix, with another `record`.
template <class Scalar_>
class CompactMatrix {
 public:
  using Scalar = Scalar_;

  CompactMatrix() = default;

  /// Copies any sparse matrix, either storage order, compressed or not. With `keys`, what a record is beside its
  /// entries, the records are put in the drawn order. Throws `Error` for a value that is not finite.
  template <class Derived>
  explicit CompactMatrix(const Eigen::SparseMatrixBase<Derived>& m,
                         const std::vector<Dependent<std::uint64_t, Derived>>& keys = {})
      : rows_(m.rows()), columns_(m.cols()) {
    if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<Derived>, Derived>) {
      fill(m.derived(), keys);
    } else {
      fill(Eigen::SparseMatrix<typename Derived::Scalar, Eigen::ColMajor, int>(m.derived()), keys);
    }
  }

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index entries() const { return start_.empty() ? 0 : start_.back(); }
  /// Which record of the file column j is.
  Index record(Index j) const { return record_.empty() ? j : record_[at(j)]; }
  Index column_entries(Index j) const { return start_[at(j) + 1] - start_[at(j)]; }
  std::size_t bytes() const {
    return value_.size() * sizeof(Scalar) + narrow_.size() * sizeof(narrow_[0]) + wide_.size() * sizeof(wide_[0]) +
           start_.size() * sizeof(Index);
  }

  /// out = Mᵀr for some columns; pairs where `squared`.
  template <bool squared = false>
  void gather(const Index* columns, Index count, const Scalar* r, Scalar* out) const {
    run<GatherColumns<squared>>(columns, count, r, out);
  }

  /// sum += M w for some columns, w given in their order; pairs where `squared`.
  template <bool squared = false, class Sum>
  void scatter(const Index* columns, Index count, const Scalar* w, Sum* sum) const {
    run<ScatterColumns<squared>>(columns, count, w, sum);
  }

  /// Calls a kernel with the arrays of the storage before its own arguments.
  template <class Kernel, class... Args>
  void run(const Index* columns, Index count, Args... args) const {
    if (is_narrow()) {
      dispatch<Kernel>(start_.data(), narrow_.data(), value_.data(), columns, count, args...);
    } else {
      dispatch<Kernel>(start_.data(), wide_.data(), value_.data(), columns, count, args...);
    }
  }

  /// Multiplies row j by factor[j].
  void scale_rows(const std::vector<double>& factor) {
    for (Index k = 0; k < entries(); ++k) {
      value_[at(k)] = static_cast<Scalar>(static_cast<double>(value_[at(k)]) * factor[at(row_at(k))]);
    }
  }

  /// visit(row, value) for the entries of column j.
  template <class Visit>
  void for_column(Index j, Visit&& visit) const {
    for (Index k = start_[at(j)]; k < start_[at(j) + 1]; ++k) {
      visit(row_at(k), value_[at(k)]);
    }
  }

 private:
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  bool is_narrow() const { return rows_ <= (Index{1} << 16); }

  Index row_at(Index k) const {
    return is_narrow() ? static_cast<Index>(narrow_[at(k)]) : static_cast<Index>(wide_[at(k)]);
  }
  void set_row(Index k, Index row) {
    if (is_narrow()) {
      narrow_[at(k)] = static_cast<std::uint16_t>(row);
    } else {
      wide_[at(k)] = static_cast<std::uint32_t>(row);
    }
  }

  /// Two sweeps over M in its own order: counting, then placing.
  template <class Sparse, class Keys>
  void fill(const Sparse& m, const Keys& keys) {
    require(std::cmp_less_equal(rows_, std::numeric_limits<std::uint32_t>::max()), "the number of targets", rows_,
            "less than 2^32");
    std::vector<Index> count(at(columns_), 0);
    Keys content = keys;
    bool ascending = true;
    for (Index outer = 0; outer < m.outerSize(); ++outer) {
      Index last = -1;
      for (typename Sparse::InnerIterator entry(m, outer); entry; ++entry) {
        if (!(entry.value() - entry.value() == 0)) {
          fail("M(" + to_text(Index{entry.row()}) + ", " + to_text(Index{entry.col()}) + ")", to_text(entry.value()),
               "a finite number");
        }
        ascending = ascending && Index{entry.index()} > last;
        last = entry.index();
        const auto value = static_cast<Scalar>(entry.value());
        if (value == 0) continue;
        ++count[at(entry.col())];
        if (!content.empty()) content[at(entry.col())] += key_of(entry.row(), static_cast<double>(value));
      }
    }
    if (!ascending) return fill(tidied(m), keys);
    if (!content.empty()) draw_order(content);
    std::vector<Index> next(at(columns_));
    start_.assign(at(columns_) + 1, 0);
    for (Index j = 0; j < columns_; ++j) {
      next[at(record(j))] = start_[at(j)];
      start_[at(j) + 1] = start_[at(j)] + count[at(record(j))];
    }
    value_.resize(at(entries()));
    if (is_narrow()) {
      narrow_.resize(value_.size());
    } else {
      wide_.resize(value_.size());
    }
    for (Index outer = 0; outer < m.outerSize(); ++outer) {
      for (typename Sparse::InnerIterator entry(m, outer); entry; ++entry) {
        const auto value = static_cast<Scalar>(entry.value());
        if (value == 0) continue;
        const Index k = next[at(entry.col())]++;
        set_row(k, entry.row());
        value_[at(k)] = value;
      }
    }
  }

  static std::uint64_t key_of(Index row, double value) {
    return scrambled(scrambled(static_cast<std::uint64_t>(row)) ^ std::bit_cast<std::uint64_t>(value));
  }

  /// Records by what they contain. Twins stand in an order drawn from their numbers: any of them is as good.
  template <class Keys>
  void draw_order(Keys& content) {
    record_.resize(content.size());
    for (std::size_t j = 0; j < content.size(); ++j) {
      record_[j] = static_cast<Index>(j);
      content[j] = scrambled(content[j]);
    }
    const auto twin = [&](Index j) { return scrambled(content[at(j)] ^ static_cast<std::uint64_t>(j)); };
    std::sort(record_.begin(), record_.end(), [&](Index a, Index b) {
      return content[at(a)] != content[at(b)] ? content[at(a)] < content[at(b)] : twin(a) < twin(b);
    });
  }

  /// M by records with ascending rows and without duplicates, which may stand in any order. (A matrix copied into the
  /// other storage order has its entries in ascending order; equal ones keep theirs.)
  template <class Sparse>
  static auto tidied(const Sparse& m) {
    constexpr int other = Sparse::IsRowMajor ? Eigen::ColMajor : Eigen::RowMajor;
    using Tidy = Eigen::SparseMatrix<Dependent<double, Sparse>, Eigen::ColMajor, Index>;
    const Eigen::SparseMatrix<double, other, Index> turned = m.template cast<double>();
    const Tidy sorted = turned;
    Tidy tidy(m.rows(), m.cols());
    tidy.reserve(sorted.nonZeros());
    for (Index j = 0; j < sorted.cols(); ++j) {
      tidy.startVec(j);
      Index last = -1;
      double* sum = nullptr;
      for (typename Tidy::InnerIterator entry(sorted, j); entry; ++entry) {
        if (entry.row() != last) {
          last = entry.row();
          sum = &tidy.insertBack(last, j);
          *sum = 0;
        }
        *sum += entry.value();
      }
    }
    tidy.finalize();
    return tidy;
  }

  Index rows_ = 0;
  Index columns_ = 0;
  std::vector<Dependent<Index, Scalar>> start_;
  std::vector<Dependent<std::uint16_t, Scalar>> narrow_;
  std::vector<Dependent<std::uint32_t, Scalar>> wide_;
  std::vector<Scalar> value_;
  std::vector<Dependent<Index, Scalar>> record_;  // of the file, by column; empty: as they stand there
};

}  // namespace l0::detail
