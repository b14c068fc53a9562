// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// H = A diag(s) Aᵀ + diag(δ) for a sparse A given by columns, and its factors L D Lᵀ. Rows are taken in the order of
/// how many others they meet: margins that are nested, districts in states in a nation, then fill in nothing.
/// (Up-looking: row after row of L by the elimination tree; Davis, Direct methods for sparse linear systems, 2006,
/// chapter 4.)
template <class Real>
class SparseNormalEquations {
 public:
  /// Finds the patterns of H and L, unless that would take more than so many products of entries.
  template <class Problem>
  bool analyse(const Problem& a, double most_work) {
    const Index n = a.rows;
    double work = 0;
    for (Index j = 0; j < a.records(); ++j) {
      const auto entries = static_cast<double>(a.start[at(j) + 1] - a.start[at(j)]);
      work += entries * entries;
    }
    if (work > most_work) return false;
    std::vector<Index> columns_of_start(at(n) + 1, 0), columns_of(a.row.size());
    for (const auto row : a.row) ++columns_of_start[row + 1];
    std::partial_sum(columns_of_start.begin(), columns_of_start.end(), columns_of_start.begin());
    std::vector<Index> next(columns_of_start.begin(), columns_of_start.end() - 1);
    for (Index j = 0; j < a.records(); ++j) {
      for (Index k = a.start[at(j)]; k < a.start[at(j) + 1]; ++k) columns_of[at(next[a.row[at(k)]]++)] = j;
    }
    // Neighbours of every row, then the order.
    std::vector<std::vector<std::uint32_t>> meets(at(n));
    std::vector<Index> seen(at(n), -1);
    std::size_t pairs = 0;
    for (Index i = 0; i < n; ++i) {
      if (i >= 64 && pairs > at(n / 4 * i)) return false;  // nearly dense: what is left would only fill in
      seen[at(i)] = i;
      for (Index c = columns_of_start[at(i)]; c < columns_of_start[at(i) + 1]; ++c) {
        const Index j = columns_of[at(c)];
        for (Index k = a.start[at(j)]; k < a.start[at(j) + 1]; ++k) {
          const auto other = a.row[at(k)];
          if (seen[other] == i) continue;
          seen[other] = i;
          meets[at(i)].push_back(other);
        }
      }
      pairs += meets[at(i)].size();
    }
    std::vector<Index> order(at(n));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index x, Index y) { return meets[at(x)].size() < meets[at(y)].size(); });
    place_.assign(at(n), 0);
    for (Index i = 0; i < n; ++i) place_[at(order[at(i)])] = i;
    // The upper triangle of H by columns, rows ascending.
    start_.assign(1, 0);
    row_.clear();
    for (const Index i : order) {
      const auto first = static_cast<std::ptrdiff_t>(row_.size());
      for (const auto other : meets[at(i)]) {
        if (place_[other] < place_[at(i)]) row_.push_back(place_[other]);
      }
      std::sort(row_.begin() + first, row_.end());
      row_.push_back(place_[at(i)]);
      start_.push_back(static_cast<Index>(row_.size()));
    }
    // The same by rows, where the entries of a record are found soon: rows that meet few others come first.
    across_start_.assign(at(n) + 1, 0);
    for (const Index j : row_) ++across_start_[at(j) + 1];
    std::partial_sum(across_start_.begin(), across_start_.end(), across_start_.begin());
    across_.resize(row_.size());
    next.assign(across_start_.begin(), across_start_.end() - 1);
    for (Index i = 0; i < n; ++i) {
      for (Index k = start_[at(i)]; k < start_[at(i) + 1]; ++k) across_[at(next[at(row_[at(k)])]++)] = {i, k};
    }
    return count_fill(most_work);
  }

  /// Fills H and factorises it; whether all pivots are > 0.
  template <class Problem, class Vec>
  bool factorise(const Problem& a, const Vec& slope, const Vec& delta) {
    value_.assign(row_.size(), 0.0);
    const Index n = size();
    for (Index i = 0; i < n; ++i) value_[at(start_[at(place_[at(i)]) + 1] - 1)] = delta(i);
    std::vector<std::pair<Index, Real>> entry;
    for (Index j = 0; j < a.records(); ++j) {
      const Real s = slope(j);
      if (s == 0) continue;
      entry.clear();
      for (Index k = a.start[at(j)]; k < a.start[at(j) + 1]; ++k)
        entry.emplace_back(place_[a.row[at(k)]], a.value[at(k)]);
      std::sort(entry.begin(), entry.end());
      for (std::size_t c = 0; c < entry.size(); ++c) {
        Index k = across_start_[at(entry[c].first)];
        const Real part = s * entry[c].second;
        for (std::size_t r = c; r < entry.size(); ++r) {
          while (across_[at(k)].first != entry[r].first) ++k;
          value_[at(across_[at(k)].second)] += part * entry[r].second;
        }
      }
    }
    return factorise_values();
  }

  /// How many pivots are above a size.
  Index pivots_above(Real size) const {
    return static_cast<Index>(std::count_if(pivot_.begin(), pivot_.end(), [&](Real p) { return p > size; }));
  }

  /// H⁻¹ b.
  template <class Vec>
  Vec solve(const Vec& b) const {
    const Index n = size();
    Vec x(n);
    for (Index i = 0; i < n; ++i) x(place_[at(i)]) = b(i);
    for (Index j = 0; j < n; ++j) {
      for (Index k = l_start_[at(j)]; k < l_start_[at(j)] + filled_[at(j)]; ++k)
        x(l_row_[at(k)]) -= l_value_[at(k)] * x(j);
    }
    for (Index j = 0; j < n; ++j) x(j) /= pivot_[at(j)];
    for (Index j = n - 1; j >= 0; --j) {
      for (Index k = l_start_[at(j)]; k < l_start_[at(j)] + filled_[at(j)]; ++k)
        x(j) -= l_value_[at(k)] * x(l_row_[at(k)]);
    }
    Vec result(n);
    for (Index i = 0; i < n; ++i) result(i) = x(place_[at(i)]);
    return result;
  }

 private:
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  Index size() const { return static_cast<Index>(place_.size()); }

  /// The rows j < i with L_ij ≠ 0, in an order in which they can be eliminated: every entry of column i of H and what
  /// lies between it and i in the elimination tree.
  template <class Visit>
  void for_row_of_factor(Index i, Visit&& visit) {
    Index top = size();
    mark_[at(i)] = i;
    for (Index k = start_[at(i)]; k < start_[at(i) + 1] - 1; ++k) {
      Index length = 0;
      for (Index j = row_[at(k)]; mark_[at(j)] != i; j = parent_[at(j)]) {
        if (parent_[at(j)] < 0) parent_[at(j)] = i;
        path_[at(length++)] = j;
        mark_[at(j)] = i;
      }
      while (length > 0) stack_[at(--top)] = path_[at(--length)];
    }
    for (; top < size(); ++top) visit(stack_[at(top)]);
  }

  bool count_fill(double most_work) {
    const Index n = size();
    parent_.assign(at(n), -1);
    mark_.assign(at(n), -1);
    path_.assign(at(n), 0);
    stack_.assign(at(n), 0);
    std::vector<Index> count(at(n), 0);
    for (Index i = 0; i < n; ++i) for_row_of_factor(i, [&](Index j) { ++count[at(j)]; });
    double work = 0;
    l_start_.assign(1, 0);
    for (const Index c : count) {
      work += static_cast<double>(c) * static_cast<double>(c);
      l_start_.push_back(l_start_.back() + c);
    }
    if (work > most_work) return false;
    l_row_.resize(at(l_start_.back()));
    l_value_.resize(l_row_.size());
    return true;
  }

  bool factorise_values() {
    const Index n = size();
    std::vector<Real> y(at(n), Real(0));
    pivot_.assign(at(n), Real(0));
    filled_.assign(at(n), 0);
    mark_.assign(at(n), -1);
    bool is_positive = true;
    for (Index i = 0; i < n; ++i) {
      for (Index k = start_[at(i)]; k < start_[at(i) + 1]; ++k) y[at(row_[at(k)])] = value_[at(k)];
      Real pivot = y[at(i)];
      y[at(i)] = 0;
      for_row_of_factor(i, [&](Index j) {
        const Real yj = y[at(j)];
        y[at(j)] = 0;
        const Index end = l_start_[at(j)] + filled_[at(j)];
        for (Index k = l_start_[at(j)]; k < end; ++k) y[at(l_row_[at(k)])] -= l_value_[at(k)] * yj;
        const Real l = yj / pivot_[at(j)];
        pivot -= l * yj;
        l_row_[at(end)] = i;
        l_value_[at(end)] = l;
        ++filled_[at(j)];
      });
      is_positive = is_positive && pivot > 0;
      pivot_[at(i)] = pivot;
    }
    return is_positive;
  }

  std::vector<Dependent<Index, Real>> place_;        // of every row in the order
  std::vector<Dependent<Index, Real>> start_, row_;  // of the upper triangle of H
  std::vector<Real> value_;
  std::vector<Dependent<Index, Real>> across_start_;
  std::vector<std::pair<Dependent<Index, Real>, Index>> across_;  // column and place in the above
  std::vector<Dependent<Index, Real>> parent_, mark_, path_, stack_;
  std::vector<Dependent<Index, Real>> l_start_, l_row_, filled_;
  std::vector<Real> l_value_, pivot_;
};

}  // namespace l0::detail
