// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>
#include <l0/factorization/factors.hpp>
#include <l0/parallel/threads.hpp>

namespace l0 {

/// Options of `MatrixFactorization::top_k`.
struct TopOptions {
  bool exclude_observed = true;  ///< leaves out the columns that R had for this row
};

/// A column of R and what is predicted for it.
template <class Scalar>
struct TopEntry {
  Index column;       ///< of R
  Scalar prediction;  ///< û of this column
};

namespace detail {

/// scores_j = bias_j + Σ_f u_f v_fj for a block of columns, of which factor f lies at v + f · `step`.
struct ScoreColumns {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* u, const Scalar* v, Index step, Index rank, const Scalar* bias,
                                   Index count, Scalar* scores) {
    for (Index j = 0; j < count; ++j) scores[j] = bias[j];
    for (Index f = 0; f < rank; ++f) {
      const Scalar factor = u[f];
      const Scalar* const line = v + f * step;
      for (Index j = 0; j < count; ++j) scores[j] += factor * line[j];
    }
  }
};

/// The columns with the highest û for each of some rows: a block of columns, turned so that a vector takes many of
/// them, serves a block of rows.
template <class Scalar>
class TopColumns {
 public:
  using Entries = std::vector<TopEntry<Scalar>>;

  TopColumns(const Factors<Scalar>& factors, const std::vector<Index>& observed_start,
             const std::vector<std::int32_t>& observed, bool exclude)
      : factors_(factors), start_(observed_start), observed_(observed), exclude_(exclude) {}

  /// For rows[i] the `count` best columns, the best first, equals by number.
  std::vector<Entries> find(const std::vector<Index>& rows, Index count, int threads) const {
    std::vector<Entries> result(rows.size());
    const Index most = std::min(count, factors_.columns());
    if (most == 0) return result;
    for (Entries& entries : result) entries.reserve(static_cast<std::size_t>(std::min(2 * most, factors_.columns())));
    std::vector<Work> works(pieces);
    for (Work& work : works) {
      work.turned.resize(static_cast<std::size_t>(std::max<Index>(factors_.rank, 1) * columns_at_once));
      work.scores.resize(columns_at_once);
      work.least.resize(rows_at_once);
      work.seen.resize(rows_at_once);
    }
    Workers workers(threads);
    workers.run(pieces, [&](Index piece) {
      Work& work = works[static_cast<std::size_t>(piece)];
      const auto all = static_cast<Index>(rows.size());
      const Index last = all * (piece + 1) / pieces;
      for (Index first = all * piece / pieces; first < last; first += rows_at_once) {
        search(rows.data() + first, result.data() + first, std::min(rows_at_once, last - first), most, work);
      }
    });
    return result;
  }

 private:
  static constexpr Index pieces = 32;
  static constexpr Index rows_at_once = 64;
  static constexpr Index columns_at_once = 512;

  struct Work {
    std::vector<Scalar> turned;
    std::vector<Scalar> scores;
    std::vector<Scalar> least;  ///< of each row, the score that a column must pass
    std::vector<Index> seen;    ///< of each row, the next of its observed entries
  };

  void search(const Index* rows, Entries* results, Index count, Index most, Work& work) const {
    for (Index r = 0; r < count; ++r) {
      work.least[at(r)] = -std::numeric_limits<Scalar>::infinity();
      work.seen[at(r)] = start_[at(rows[r])];
    }
    for (Index first = 0; first < factors_.columns(); first += columns_at_once) {
      const Index columns = std::min(columns_at_once, factors_.columns() - first);
      for (Index j = 0; j < columns; ++j) {
        const Scalar* const line = factors_.column.lines.data() + (first + j) * factors_.stride + 1;
        for (Index f = 0; f < factors_.rank; ++f) work.turned[at(f * columns_at_once + j)] = line[f];
      }
      for (Index r = 0; r < count; ++r) {
        const Scalar* const u = factors_.row.lines.data() + rows[r] * factors_.stride + 1;
        dispatch<ScoreColumns>(u, static_cast<const Scalar*>(work.turned.data()), columns_at_once, factors_.rank,
                               factors_.column.bias.data() + first, columns, work.scores.data());
        leave_out(rows[r], first, columns, work.seen[at(r)], work.scores);
        for (Index j = 0; j < columns; ++j) {
          if (work.scores[at(j)] > work.least[at(r)]) {
            results[r].push_back({first + j, work.scores[at(j)]});
            if (static_cast<Index>(results[r].size()) == 2 * most) work.least[at(r)] = cut(results[r], most);
          }
        }
      }
    }
    for (Index r = 0; r < count; ++r) {
      if (static_cast<Index>(results[r].size()) > most) cut(results[r], most);
      for (TopEntry<Scalar>& entry : results[r]) entry.prediction = factors_.predict(rows[r], entry.column);
      std::sort(results[r].begin(), results[r].end(), before);
    }
  }

  void leave_out(Index row, Index first, Index columns, Index& seen, std::vector<Scalar>& scores) const {
    const Index end = start_[at(row) + 1];
    for (; seen < end && observed_[at(seen)] < first + columns; ++seen) {
      if (exclude_) scores[at(observed_[at(seen)] - first)] = -std::numeric_limits<Scalar>::infinity();
    }
  }

  /// Keeps the best; returns the least score among them.
  static Scalar cut(Entries& entries, Index most) {
    const auto kept = entries.begin() + most;
    std::nth_element(entries.begin(), kept - 1, entries.end(), before);
    entries.erase(kept, entries.end());
    return entries.back().prediction;
  }

  static bool before(const TopEntry<Scalar>& a, const TopEntry<Scalar>& b) {
    return a.prediction != b.prediction ? a.prediction > b.prediction : a.column < b.column;
  }

  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  const Factors<Scalar>& factors_;
  const std::vector<Index>& start_;
  const std::vector<std::int32_t>& observed_;
  bool exclude_;
};

}  // namespace detail
}  // namespace l0
