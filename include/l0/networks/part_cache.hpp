// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <utility>

#include <l0/core/types.hpp>

namespace l0::detail {

/// What a network keeps for one part from forward to backward. Copies start empty; moved buffers keep their address.
template <class Scalar>
struct PartCache {
  PartCache() = default;
  PartCache(const PartCache&) {}
  PartCache(PartCache&&) noexcept = default;
  PartCache& operator=(const PartCache&) { return *this; }
  ~PartCache() = default;

  const Scalar* input = nullptr;
  Matrix<Scalar> output{};    ///< of activations and operations
  Matrix<Scalar> gradient{};  ///< with respect to the input
};

/// The result of the last forward pass. Copies start without one.
struct LastResult {
  LastResult() = default;
  LastResult(const LastResult&) {}
  LastResult(LastResult&& other) noexcept
      : is_there(std::exchange(other.is_there, false)), rows(other.rows), columns(other.columns), draw(other.draw) {}
  LastResult& operator=(const LastResult&) {
    is_there = false;
    return *this;
  }
  ~LastResult() = default;

  bool is_there = false;
  Index rows = 0;
  Index columns = 0;
  std::uint64_t draw = 0;  ///< the sum of the numbers of all draws
};

}  // namespace l0::detail
