// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/standardized.hpp>

namespace l0::detail {

/// Rows of the Gram matrix X̃ᵀ D X̃ of standardized columns, computed when first asked for and kept: a search over
/// supports needs the rows of the columns that were ever active, never the whole matrix.
template <class Precise>
class GramRows {
 public:
  /// `ridge`·scale² is added to the diagonal: an L2 penalty on the coefficients of the design's columns.
  GramRows(const StandardizedColumns<Precise>& columns, Precise ridge) : columns_(&columns), ridge_(ridge) { reset(); }

  /// Forgets all rows, as after a change of the weights; their memory is kept.
  void reset() {
    slot_.assign(static_cast<std::size_t>(columns_->columns()), Index{-1});
    used_ = 0;
  }

  const StandardizedColumns<Precise>& columns() const { return *columns_; }
  Index size() const { return columns_->columns(); }
  bool has(Index j) const { return slot_[static_cast<std::size_t>(j)] >= 0; }

  /// Row j, which must be there.
  Eigen::Map<const Vector<Precise>> row(Index j) const {
    return {rows_[static_cast<std::size_t>(slot_[static_cast<std::size_t>(j)])].get(), size()};
  }

  /// The diagonal.
  Precise diagonal(Index j) const {
    const Precise scale = columns_->scale(j);
    return scale > 0 ? 1 + ridge_ * scale * scale : Precise(1);
  }

  /// The Gram matrix of a few columns alone.
  Matrix<Precise> within(const std::vector<Index>& wanted) const {
    const auto q = static_cast<Index>(wanted.size());
    Matrix<Precise> result(q, q);
    if (q == 1) {
      result(0, 0) = is_constant(wanted[0]) ? Precise(0) : diagonal(wanted[0]);
      return result;
    }
    Matrix<Precise> block;
    columns_->weighted_columns(wanted, block);
    for (Index a = 0; a < q; ++a) {
      const Index j = wanted[static_cast<std::size_t>(a)];
      result.row(a) = columns_->correlate(block, j, 1);
      result(a, a) = is_constant(j) ? Precise(0) : diagonal(j);
    }
    return result;
  }

  /// Makes sure that all `wanted` rows are there. Several at once cost little more than one where X exceeds the cache.
  void fetch(const std::vector<Index>& wanted) {
    fresh_.clear();
    for (const Index j : wanted) {
      if (!has(j) && std::find(fresh_.begin(), fresh_.end(), j) == fresh_.end()) fresh_.push_back(j);
    }
    if (fresh_.empty()) return;
    columns_->weighted_columns(fresh_, block_);
    const Matrix<Precise> product = columns_->correlate(block_);
    for (std::size_t a = 0; a < fresh_.size(); ++a) {
      const Index j = fresh_[a];
      if (used_ == static_cast<Index>(rows_.size())) {
        rows_.push_back(std::make_unique<Precise[]>(static_cast<std::size_t>(size())));
      }
      slot_[static_cast<std::size_t>(j)] = used_;
      Eigen::Map<Vector<Precise>> to(rows_[static_cast<std::size_t>(used_)].get(), size());
      ++used_;
      to = product.col(static_cast<Index>(a));
      to(j) = diagonal(j);
    }
  }

 private:
  bool is_constant(Index j) const { return !(columns_->scale(j) > 0); }

  const StandardizedColumns<Precise>* columns_;
  Precise ridge_;
  std::vector<Index> slot_;
  std::vector<std::unique_ptr<Precise[]>> rows_;
  Index used_ = 0;
  std::vector<Index> fresh_;
  Matrix<Precise> block_;
};

/// The Gram matrix of a few columns whose rows are known.
template <class Precise>
Matrix<Precise> gram_of(const GramRows<Precise>& gram, const std::vector<Index>& columns) {
  const auto m = static_cast<Index>(columns.size());
  Matrix<Precise> result(m, m);
  for (Index i = 0; i < m; ++i) {
    const auto row = gram.row(columns[static_cast<std::size_t>(i)]);
    for (Index k = 0; k < m; ++k) result(k, i) = row(columns[static_cast<std::size_t>(k)]);
  }
  return result;
}

}  // namespace l0::detail
