// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <Eigen/Core>

#include <l0/io/bytes.hpp>

namespace l0::detail {

enum class TensorKind { floating, signed_integer, unsigned_integer };

/// A type of numbers in safetensors files.
struct TensorType {
  std::string_view name;
  TensorKind kind;
  std::size_t width;  ///< bytes
};

/// The type of that name; null for one that is not read.
inline const TensorType* tensor_type(std::string_view name) {
  static constexpr TensorType types[] = {
      {"F64", TensorKind::floating, 8},         {"F32", TensorKind::floating, 4},
      {"F16", TensorKind::floating, 2},         {"BF16", TensorKind::floating, 2},
      {"I64", TensorKind::signed_integer, 8},   {"I32", TensorKind::signed_integer, 4},
      {"I16", TensorKind::signed_integer, 2},   {"I8", TensorKind::signed_integer, 1},
      {"U64", TensorKind::unsigned_integer, 8}, {"U32", TensorKind::unsigned_integer, 4},
      {"U16", TensorKind::unsigned_integer, 2}, {"U8", TensorKind::unsigned_integer, 1},
      {"BOOL", TensorKind::unsigned_integer, 1}};
  for (const TensorType& type : types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

/// The number at `from`, exactly.
template <std::floating_point Scalar>
Scalar floating_at(const char* from, const TensorType& type) {
  if (type.width == 8) return static_cast<Scalar>(number_at<double>(from, std::endian::little));
  if (type.width == 4) return static_cast<Scalar>(number_at<float>(from, std::endian::little));
  const auto bits = number_at<std::uint16_t>(from, std::endian::little);
  const float value = type.name == "BF16" ? std::bit_cast<float>(std::uint32_t{bits} << 16)
                                          : static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
  return static_cast<Scalar>(value);
}

/// The nearest float that has an odd last bit, unless a float is equal: rounded once more, to a type of at least two
/// bits less, it gives what rounding once would have.
/// Source: Boldo & Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd",
/// IEEE Transactions on Computers 57, 2008.
template <std::floating_point Scalar>
float rounded_to_odd(Scalar value) {
  const auto nearest = static_cast<float>(value);
  const auto again = static_cast<Scalar>(nearest);
  if (again == value || !has_finite_bits(nearest)) return nearest;
  const auto bits = std::bit_cast<std::uint32_t>(nearest);
  if ((bits & 1U) != 0) return nearest;
  return std::bit_cast<float>(std::abs(again) < std::abs(value) ? bits + 1 : bits - 1);
}

template <std::floating_point Scalar>
std::uint16_t half_bits(Scalar value) {
  return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(rounded_to_odd(value)));
}
template <std::floating_point Scalar>
std::uint16_t bfloat16_bits(Scalar value) {
  return Eigen::numext::bit_cast<std::uint16_t>(Eigen::bfloat16(rounded_to_odd(value)));
}
/// Whether these bits of F16 or BF16 are ±∞.
inline bool is_infinite(std::uint16_t bits, bool is_half) { return (bits & 0x7FFF) == (is_half ? 0x7C00 : 0x7F80); }

/// The whole number at `from`; false if an std::int64_t does not have it.
inline bool integer_at(const char* from, const TensorType& type, std::int64_t& value) {
  const bool is_signed = type.kind == TensorKind::signed_integer;
  constexpr auto little = std::endian::little;
  switch (type.width) {
    case 1: value = is_signed ? number_at<std::int8_t>(from, little) : number_at<std::uint8_t>(from, little); break;
    case 2: value = is_signed ? number_at<std::int16_t>(from, little) : number_at<std::uint16_t>(from, little); break;
    case 4:
      value = is_signed ? std::int64_t{number_at<std::int32_t>(from, little)} : number_at<std::uint32_t>(from, little);
      break;
    default: value = number_at<std::int64_t>(from, little);
  }
  return is_signed || value >= 0;
}

/// Appends a whole number; false if the type does not have it.
inline bool append_integer(std::string& bytes, const TensorType& type, std::int64_t value) {
  const bool is_signed = type.kind == TensorKind::signed_integer;
  if (type.width < 8) {
    const std::int64_t range = std::int64_t{1} << (8 * type.width - (is_signed ? 1 : 0));
    if (value >= (type.name == "BOOL" ? 2 : range) || value < (is_signed ? -range : 0)) return false;
  } else if (!is_signed && value < 0) {
    return false;
  }
  for (std::size_t k = 0; k < type.width; ++k) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * k) & 0xFF);
  }
  return true;
}

}  // namespace l0::detail
