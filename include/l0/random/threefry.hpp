// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <l0/core/simd.hpp>

namespace l0 {

/// Two 32-bit words: a key, a counter, or the random bits made from both.
struct Words2x32 {
  std::uint32_t first = 0;   ///< first word
  std::uint32_t second = 0;  ///< second word

  friend constexpr bool operator==(const Words2x32&, const Words2x32&) = default;  ///< Whether all members agree.
};

/// Splits a 64-bit number into its low and high word.
constexpr Words2x32 split_words(std::uint64_t value) {
  return {static_cast<std::uint32_t>(value), static_cast<std::uint32_t>(value >> 32)};
}

namespace detail {

template <int round>
L0_ALWAYS_INLINE constexpr void threefry_rounds(std::uint32_t& x, std::uint32_t& y, const std::uint32_t (&keys)[3]) {
  if constexpr (round < 20) {
    constexpr int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    constexpr int rotation = rotations[round % 8];
    x += y;
    y = ((y << rotation) | (y >> (32 - rotation))) ^ x;  // std::rotl keeps g++ 12 from vectorising
    if constexpr (round % 4 == 3) {
      constexpr int injection = round / 4 + 1;
      x += keys[injection % 3];
      y += keys[(injection + 1) % 3] + static_cast<std::uint32_t>(injection);
    }
    threefry_rounds<round + 1>(x, y, keys);
  }
}

}  // namespace detail

/// Threefry-2×32 with 20 rounds: a bijection of the 64-bit counter for every 64-bit key, made of additions, rotations
/// and exclusive ors only, which is why it runs at full vector width everywhere.
///
/// Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
L0_ALWAYS_INLINE constexpr Words2x32 threefry2x32(Words2x32 key, Words2x32 counter) {
  const std::uint32_t keys[3] = {key.first, key.second, key.first ^ key.second ^ 0x1BD11BDAU};
  std::uint32_t x = counter.first + keys[0];
  std::uint32_t y = counter.second + keys[1];
  detail::threefry_rounds<0>(x, y, keys);
  return {x, y};
}

}  // namespace l0
