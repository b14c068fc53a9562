// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

namespace l0::detail {

/// The number at `from`, in the byte order `order`.
template <class Number>
Number number_at(const char* from, std::endian order) {
  char bytes[sizeof(Number)];
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes[i] = from[order == std::endian::native ? i : sizeof(Number) - 1 - i];
  }
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

/// Appends a number in the byte order `order`.
template <class Number>
void append_number(std::string& bytes, Number number, std::endian order) {
  char raw[sizeof(Number)];
  std::memcpy(raw, &number, sizeof number);
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes.push_back(raw[order == std::endian::native ? i : sizeof(Number) - 1 - i]);
  }
}

/// Whether a number is neither infinite nor NaN, by its bits: also where a compiler takes that for granted.
template <std::floating_point Real>
  requires(sizeof(Real) == 4 || sizeof(Real) == 8)
bool has_finite_bits(Real value) {
  using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits exponent = std::bit_cast<Bits>(std::numeric_limits<Real>::infinity());
  return (std::bit_cast<Bits>(value) & exponent) != exponent;
}

}  // namespace l0::detail
