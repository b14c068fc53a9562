// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <l0/random/rng.hpp>

namespace l0 {

/// Where a gate, a layer or whatever draws by itself stands in its noise: a stream of the `Rng`, and how often it has
/// drawn. As a member that `visit` names it is stored and resumed, and a network sees to it that no two parts share a
/// stream.
struct Draws {
  std::uint64_t stream = 0;  ///< of the Rng
  std::uint64_t draw = 0;    ///< the number of the next draw

  /// What to ask for the next draw of rows × columns numbers; count it once it was given.
  NoiseRequest request(Index rows, Index columns) const { return {stream, draw, rows, columns}; }

  /// Both numbers.
  void visit(auto&& v) {
    v("stream", stream);
    v("draw", draw);
  }
};

}  // namespace l0
