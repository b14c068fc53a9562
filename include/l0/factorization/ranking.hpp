// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/factorization/matrix_factorization.hpp>

namespace l0 {

namespace detail {

/// Means of precision and recall at k.
template <class Scalar, class Derived>
std::pair<double, double> ranking_at_k(const MatrixFactorization<Scalar>& model,
                                       const Eigen::SparseMatrixBase<Derived>& test, Index k, TopOptions options) {
  require(k >= 1, "k", k, "a number >= 1");
  require_shape("test", test.rows(), test.cols(), model.rows(), model.columns());
  const auto entries = Ratings<Scalar>::read(
      test, [](Scalar value) { return value - value == 0; }, "a finite number", "test");
  const EntryLines<Scalar>& rows = entries.by_row;
  std::vector<Index> asked;
  std::vector<std::vector<Index>> liked;
  for (Index i = 0; i < rows.lines(); ++i) {
    std::vector<Index> columns;
    for (Index e = rows.start[static_cast<std::size_t>(i)]; e < rows.start[static_cast<std::size_t>(i) + 1]; ++e) {
      if (rows.value[static_cast<std::size_t>(e)] > 0) columns.push_back(rows.other[static_cast<std::size_t>(e)]);
    }
    if (columns.empty()) continue;
    asked.push_back(i);
    liked.push_back(std::move(columns));
  }
  std::pair<double, double> means{0, 0};
  const auto best = model.top_k(asked, k, options);
  for (std::size_t r = 0; r < asked.size(); ++r) {
    double hits = 0;
    for (const auto& entry : best[r])
      hits += std::binary_search(liked[r].begin(), liked[r].end(), entry.column) ? 1 : 0;
    means.first += hits / static_cast<double>(k) / static_cast<double>(asked.size());
    means.second += hits / static_cast<double>(liked[r].size()) / static_cast<double>(asked.size());
  }
  return means;
}

}  // namespace detail

/// How many of the k columns that the model puts first are liked: the share of k, a mean over the rows that have an
/// entry > 0 in `test` (rows × columns of the model; such an entry is a like). Columns observed in training are left
/// out unless `options` say otherwise, and so should not be in `test`. 0 where no row has a like. Throws `Error` for
/// another shape, k < 1 or an entry that is not finite.
template <class Scalar, class Derived>
double precision_at_k(const MatrixFactorization<Scalar>& model, const Eigen::SparseMatrixBase<Derived>& test, Index k,
                      TopOptions options = {}) {
  return detail::ranking_at_k(model, test, k, options).first;
}

/// How many of what is liked the model puts among its k first: the share of the row's likes, a mean as in
/// `precision_at_k`.
template <class Scalar, class Derived>
double recall_at_k(const MatrixFactorization<Scalar>& model, const Eigen::SparseMatrixBase<Derived>& test, Index k,
                   TopOptions options = {}) {
  return detail::ranking_at_k(model, test, k, options).second;
}

}  // namespace l0
