// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// How large a support is: the gates it opens, and the columns behind them.
struct SupportSize {
  Index units = 0;  ///< groups of columns; without groups, columns
  Index columns = 0;

  friend SupportSize operator+(SupportSize a, SupportSize b) { return {a.units + b.units, a.columns + b.columns}; }
  friend SupportSize operator-(SupportSize a, SupportSize b) { return {a.units - b.units, a.columns - b.columns}; }
};

/// What is in or out of a support as one: groups of columns, or, without groups, single columns. Its functions are
/// templates on `Index`, so that nothing of them is compiled before it is used.
class SelectionUnits {
 public:
  SelectionUnits() = default;

  /// `group_of` names the group 0, 1, ... of every column. Numbers that no column has become no unit.
  template <std::same_as<Index> Number>
  explicit SelectionUnits(const std::vector<Number>& group_of) : unit_of_(group_of) {
    std::vector<Number> names = group_of;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    columns_.resize(names.size());
    for (std::size_t j = 0; j < group_of.size(); ++j) {
      const auto unit = static_cast<Index>(std::lower_bound(names.begin(), names.end(), group_of[j]) - names.begin());
      unit_of_[j] = unit;
      columns_[static_cast<std::size_t>(unit)].push_back(static_cast<Number>(j));
    }
  }

  /// Whether every column stands alone, and units are columns.
  bool trivial() const { return unit_of_.empty(); }
  Index count(Index columns) const { return trivial() ? columns : static_cast<Index>(columns_.size()); }
  Index unit_of(Index column) const { return trivial() ? column : unit_of_[static_cast<std::size_t>(column)]; }
  Index width(Index unit) const { return trivial() ? 1 : static_cast<Index>(of(unit).size()); }
  /// The columns of a unit, ascending; only with groups.
  const std::vector<Index>& of(Index unit) const { return columns_[static_cast<std::size_t>(unit)]; }

  /// The columns of some units, in the units' order.
  template <std::same_as<Index> Number>
  std::vector<Number> columns_of(const std::vector<Number>& units) const {
    if (trivial()) return units;
    std::vector<Number> columns;
    for (const Number unit : units) columns.insert(columns.end(), of(unit).begin(), of(unit).end());
    return columns;
  }
  /// The units of some columns, each once, ascending.
  template <std::same_as<Index> Number>
  std::vector<Number> units_of(const std::vector<Number>& columns) const {
    std::vector<Number> units;
    for (const Number j : columns) units.push_back(unit_of(j));
    std::sort(units.begin(), units.end());
    units.erase(std::unique(units.begin(), units.end()), units.end());
    return units;
  }
  SupportSize size_of(const std::vector<Index>& units) const {
    SupportSize size;
    for (const Index unit : units) size = size + SupportSize{1, width(unit)};
    return size;
  }
  /// The columns of the `most` widest units together.
  template <std::same_as<Index> Number>
  Number widest(Number most) const {
    if (trivial()) return most;
    std::vector<Number> widths;
    for (const auto& columns : columns_) widths.push_back(static_cast<Number>(columns.size()));
    std::sort(widths.begin(), widths.end());
    Number total = 0;
    for (std::size_t i = widths.size(); i > 0 && static_cast<Number>(widths.size() - i) < most; --i)
      total += widths[i - 1];
    return total;
  }

 private:
  std::vector<Index> unit_of_;
  std::vector<std::vector<Index>> columns_;
};

}  // namespace l0::detail
