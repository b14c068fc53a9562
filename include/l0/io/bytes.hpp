// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <string>

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

}  // namespace l0::detail
