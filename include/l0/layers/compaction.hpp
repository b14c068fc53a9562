// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <vector>

#include <l0/core/types.hpp>

namespace l0 {

/// What is known of the columns between two layers of a network that is made smaller. A column is a constant, or
/// needed, or neither.
template <class Scalar>
struct Columns {
  /// `count` columns of which nothing is known.
  explicit Columns(Index count)
      : constant(static_cast<std::size_t>(count)), needed(static_cast<std::size_t>(count), 0) {}

  std::vector<std::optional<Scalar>> constant;  ///< the number that a column is for every sample, where it is one
  std::vector<char> needed;                     ///< 1 where what follows reads the column
  double sparse_below = 0;  ///< layers with a smaller share of weights other than 0 are to be built sparse

  /// How many columns there are.
  Index size() const { return static_cast<Index>(needed.size()); }
  /// Whether column j is a constant.
  bool is_constant(Index j) const { return constant[static_cast<std::size_t>(j)].has_value(); }
  /// The number that column j is for every sample, 0 where it is none.
  Scalar value(Index j) const { return constant[static_cast<std::size_t>(j)].value_or(Scalar(0)); }
  /// Column j is this number for every sample.
  void set_constant(Index j, Scalar number) { constant[static_cast<std::size_t>(j)] = number; }
  /// Whether column j is read.
  bool is_needed(Index j) const { return needed[static_cast<std::size_t>(j)] != 0; }
  /// Columns first, ..., first + count − 1 are read.
  void need(Index first, Index count = 1) {
    for (Index j = first; j < first + count; ++j) needed[static_cast<std::size_t>(j)] = 1;
  }
  /// All columns are read.
  void need_all() { need(0, size()); }

  /// The columns that are needed, ascending.
  std::vector<Index> kept() const {
    std::vector<Index> list;
    for (Index j = 0; j < size(); ++j) {
      if (is_needed(j)) list.push_back(j);
    }
    return list;
  }

  // Channels are runs of `pixels` columns.

  /// Whether all of channel c is the same number.
  bool is_channel_constant(Index c, Index pixels) const {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) {
      if (!is_constant(j) || value(j) != value(c * pixels)) return false;
    }
    return true;
  }
  /// Whether any of channel c is read.
  bool is_channel_needed(Index c, Index pixels) const {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) {
      if (is_needed(j)) return true;
    }
    return false;
  }
  /// All of channel c is this number.
  void set_channel_constant(Index c, Index pixels, Scalar number) {
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) set_constant(j, number);
  }
  /// The channels of which any column is read, ascending; all of their columns are, from then on.
  std::vector<Index> keep_channels(Index pixels) {
    std::vector<Index> list;
    for (Index c = 0; c * pixels < size(); ++c) {
      if (!is_channel_needed(c, pixels)) continue;
      need(c * pixels, pixels);
      list.push_back(c);
    }
    return list;
  }
};

template <std::floating_point Scalar>
class AnyLayer;

namespace detail {

template <class Scalar>
struct LinearColumns;
template <class Scalar>
struct ConvolutionColumns;

}  // namespace detail

/// A layer that can be built smaller. It answers three questions, const, in this order; whoever walks the network puts
/// constants back where a layer reads them, so no layer has to.
///
///     using compactable = MyLayer;   // the class itself: one derived from it has to say so again
///     void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const;       // in's constants → out's
///     void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const;           // out.needed → in.needed
///     AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const;
///
/// What is constant is not needed in `out`. `compacted` takes the columns in.kept() and gives out.kept(), which it may
/// widen. Any other layer is kept whole, reads all of its columns, and gives all of them.
template <class L>
concept Compactable = std::same_as<typename L::compactable, L> &&
    requires(const L& layer, Columns<typename L::Scalar>& mine, const Columns<typename L::Scalar>& theirs) {
  layer.find_constants(theirs, mine);
  layer.find_needs(mine, theirs);
  { layer.compacted(theirs, mine) } -> std::same_as<AnyLayer<typename L::Scalar>>;
};

}  // namespace l0
