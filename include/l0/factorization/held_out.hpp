// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <l0/factorization/factors.hpp>
#include <l0/factorization/options.hpp>
#include <l0/factorization/ratings.hpp>
#include <l0/random/rng.hpp>

namespace l0::detail {

/// Loss of one entry at û.
inline double entry_loss(FactorizationLoss loss, double value, double prediction) {
  if (loss != FactorizationLoss::logistic) return (value - prediction) * (value - prediction);
  return std::max(prediction, 0.0) - value * prediction + std::log1p(std::exp(-std::abs(prediction)));
}

/// Entries for fitting and entries for judging. Where all cells count, as many cells without an entry are held out as
/// with one, and judged for the whole share of them; in `rest` what is held out weighs nothing.
template <class Scalar>
struct HeldOut {
  struct Entry {
    Index row;
    Index column;
    double value;
    double weight;
  };
  Ratings<Scalar> rest;
  std::vector<Entry> entries;

  HeldOut(const Ratings<Scalar>& all, double share, std::uint64_t seed) {
    const EntryLines<Scalar>& rows = all.by_row;
    std::vector<double> u(static_cast<std::size_t>(all.entries()));
    fill_uniform(Rng(seed), 2, 0, u.data(), all.entries());
    const std::vector<Cell> empty = all.dense ? empty_cells(all, share, seed) : std::vector<Cell>();
    const double cells = static_cast<double>(rows.lines()) * static_cast<double>(all.by_column.lines());
    const double stands_for =
        share * (cells - static_cast<double>(all.entries())) / std::max(1.0, static_cast<double>(empty.size()));
    auto next = empty.begin();
    EntryLines<Scalar> kept;
    for (Index i = 0; i < rows.lines(); ++i) {
      const auto leave_out_until = [&](Index j) {
        for (; next != empty.end() && next->first == i && next->second < j; ++next) {
          kept.push(next->second, Scalar(0), Scalar(-1));
          entries.push_back({i, next->second, 0, stands_for});
        }
      };
      for (auto k = at(rows.start[at(i)]); k < at(rows.start[at(i) + 1]); ++k) {
        leave_out_until(rows.other[k]);
        if (u[k] < share) {
          entries.push_back(
              {i, rows.other[k], static_cast<double>(rows.value[k]), rows.weight_of(k) + (all.dense ? 1 : 0)});
          if (all.dense) kept.push(rows.other[k], Scalar(0), Scalar(-1));
        } else if (rows.weight.empty()) {
          kept.push(rows.other[k], rows.value[k]);
        } else {
          kept.push(rows.other[k], rows.value[k], rows.weight[k]);
        }
      }
      leave_out_until(std::numeric_limits<std::int32_t>::max());
      kept.end_line();
    }
    rest = Ratings<Scalar>::of(std::move(kept), all.by_column.lines(), all.dense);
    double sum = 0;
    for (const Entry& e : entries) sum += e.weight;
    if (!(sum > 0)) entries.clear();
    for (Entry& e : entries) e.weight *= static_cast<double>(entries.size()) / sum;
  }

  /// The loss of every entry held out, times its weight over the mean weight, and their mean.
  double judge(const Factors<Scalar>& factors, FactorizationLoss loss, std::vector<double>& losses) const {
    losses.resize(entries.size());
    double sum = 0;
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const Entry& e = entries[k];
      losses[k] = e.weight * entry_loss(loss, e.value, static_cast<double>(factors.predict(e.row, e.column)));
      sum += losses[k];
    }
    return sum / static_cast<double>(entries.size());
  }

 private:
  using Cell = std::pair<Dependent<Index, Scalar>, std::int32_t>;

  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  /// About `share` as many as there are entries, in order.
  static std::vector<Cell> empty_cells(const Ratings<Scalar>& all, double share, std::uint64_t seed) {
    const auto wanted = static_cast<Index>(std::ceil(share * static_cast<double>(all.entries())));
    std::vector<double> u(at(2 * wanted));
    fill_uniform(Rng(seed), 3, 0, u.data(), 2 * wanted);
    std::vector<Cell> cells;
    for (std::size_t k = 0; k < u.size(); k += 2) {
      const auto i = static_cast<Index>(u[k] * static_cast<double>(all.by_row.lines()));
      const auto j = static_cast<std::int32_t>(u[k + 1] * static_cast<double>(all.by_column.lines()));
      const auto first = all.by_row.other.begin() + all.by_row.start[at(i)];
      const auto last = all.by_row.other.begin() + all.by_row.start[at(i) + 1];
      if (!std::binary_search(first, last, j)) cells.emplace_back(i, j);
    }
    std::sort(cells.begin(), cells.end());
    cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
    return cells;
  }
};

}  // namespace l0::detail
