// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include <l0/calibration/compact_matrix.hpp>
#include <l0/parallel/threads.hpp>

namespace l0::detail {

/// How a list of columns is cut for workers: at most 16 pieces whatever the number of threads, so that sums over them,
/// added in their order, have the same bits.
struct ColumnPieces {
  static constexpr Index most = 16;

  explicit ColumnPieces(Index columns, Index least = 512)
      : size(std::max(least, (columns + most - 1) / most)), total(columns) {}

  Index count() const { return (total + size - 1) / size; }
  Index first(Index piece) const { return piece * size; }
  Index length(Index piece) const { return std::min(size, total - first(piece)); }

  Index size;
  Index total;
};

/// M w over some columns, summed in double: the weights of 300 000 records added one by one in float would drift.
template <class Scalar>
class ColumnSums {
 public:
  /// sums = Σ over the listed columns, w indexed by record.
  void compute(const CompactMatrix<Scalar>& m, const std::vector<Index>& columns, const Scalar* w,
               std::vector<double>& sums, Workers& workers) {
    const ColumnPieces pieces(static_cast<Index>(columns.size()));
    const auto rows = static_cast<std::size_t>(m.rows());
    partial_.assign(rows * static_cast<std::size_t>(std::max<Index>(pieces.count(), 1)), 0.0);
    listed_.resize(columns.size());
    workers.run(pieces.count(), [&](Index piece) {
      const Index first = pieces.first(piece);
      const Index* list = columns.data() + first;
      Scalar* listed = listed_.data() + first;
      for (Index c = 0; c < pieces.length(piece); ++c) listed[c] = w[list[c]];
      m.scatter(list, pieces.length(piece), static_cast<const Scalar*>(listed),
                partial_.data() + static_cast<std::size_t>(piece) * rows);
    });
    for (std::size_t j = 0; j < rows; ++j) sums[j] = partial_[j];
    for (Index piece = 1; piece < pieces.count(); ++piece) {
      const double* from = partial_.data() + static_cast<std::size_t>(piece) * rows;
      for (std::size_t j = 0; j < rows; ++j) sums[j] += from[j];
    }
  }

 private:
  std::vector<double> partial_;
  std::vector<Scalar> listed_;
};

}  // namespace l0::detail
