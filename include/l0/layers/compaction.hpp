// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// What is known of the columns between two layers of a network: which are the same number for every sample, and which
/// the layers after read.
template <class Scalar>
struct Columns {
  explicit Columns(Index count)
      : is_constant(static_cast<std::size_t>(count), false), value(static_cast<std::size_t>(count), Scalar(0)),
        is_needed(static_cast<std::size_t>(count), false) {}

  Index size() const { return static_cast<Index>(value.size()); }

  bool constant(Index j) const { return is_constant[static_cast<std::size_t>(j)]; }
  Scalar constant_value(Index j) const { return value[static_cast<std::size_t>(j)]; }
  void set_constant(Index j, Scalar number) {
    is_constant[static_cast<std::size_t>(j)] = true;
    value[static_cast<std::size_t>(j)] = number;
  }
  bool needed(Index j) const { return is_needed[static_cast<std::size_t>(j)]; }
  void need(Index first, Index count) {
    for (Index j = first; j < first + count; ++j) is_needed[static_cast<std::size_t>(j)] = true;
  }

  /// Channels are runs of `pixels` columns. A channel is constant where all of it is the same number; all of it is
  /// there where any of it is needed.
  bool channel_constant(Index c, Index pixels) const {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) {
      if (!constant(j) || constant_value(j) != constant_value(c * pixels)) return false;
    }
    return true;
  }
  bool channel_needed(Index c, Index pixels) const {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) {
      if (needed(j)) return true;
    }
    return false;
  }
  void set_channel_constant(Index c, Index pixels, Scalar number) {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) set_constant(j, number);
  }

  std::vector<Index> needed_columns() const {
    std::vector<Index> list;
    for (Index j = 0; j < size(); ++j) {
      if (needed(j)) list.push_back(j);
    }
    return list;
  }

  std::vector<bool> is_constant;
  std::vector<Scalar> value;
  std::vector<bool> is_needed;
};

/// All columns of the channels that the given columns belong to.
inline std::vector<Index> whole_channels(const std::vector<Index>& columns, Index pixels) {
  std::vector<Index> list;
  for (const Index column : columns) {
    if (!list.empty() && list.back() / pixels == column / pixels) continue;
    for (Index k = 0; k < pixels; ++k) list.push_back(column / pixels * pixels + k);
  }
  return list;
}

}  // namespace l0::detail
