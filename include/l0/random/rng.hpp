// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// random/: a number for every (seed, stream, draw, element), whoever asks, in whatever order, on whatever thread.
///
///     Rng            holds the seed and hands out streams; layers take one each when they are built
///       ▼ NoiseRequest   (stream, draw, rows, columns): who asks, how often before, for how many
///     threefry       bits from key and counter, at full vector width
///       ▼
///     noise          what gates can ask instead: given arrays (GivenNoise), a standard generator, a user's own type
///       ▼ fill(first, count, u)   uniform numbers by blocks of 64, inside the kernels of gates: none are stored
///
/// Matrices of numbers for data and starting values: `standard_uniform`, `standard_normal`.

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <numbers>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/random/threefry.hpp>

namespace l0 {

/// Which uniform numbers are asked for: those of draw number `draw` on stream `stream`, an array rows × columns.
struct NoiseRequest {
  std::uint64_t stream = 0;  ///< who asks
  std::uint64_t draw = 0;    ///< how often it has asked before
  Index rows = 0;            ///< of the array of numbers
  Index columns = 0;         ///< of the array of numbers
};

namespace detail {

/// Kernels take noise in blocks of this many elements.
inline constexpr Index noise_block = 64;

/// The uniform numbers of one draw, as a pure function of the element's number.
class ThreefryUniforms {
 public:
  explicit ThreefryUniforms(Words2x32 key) : key_(key) {}

  /// u[0..63] for the elements first..first+63; `first` is a multiple of 64. Values are the centres of 2²³ equal cells
  /// of (0, 1), so that both u and 1 − u are exact.
  L0_ALWAYS_INLINE void fill(Index first, Index /*count*/, float* u) const {
    const auto base = static_cast<std::uint64_t>(first) / 2;
    for (std::uint32_t i = 0; i < noise_block / 2; ++i) {
      // Bits 0-4 of base are zero: the sum cannot carry into the high word.
      const Words2x32 words =
          threefry2x32(key_, {static_cast<std::uint32_t>(base) + i, static_cast<std::uint32_t>(base >> 32)});
      u[i] = to_uniform(words.first);
      u[i + noise_block / 2] = to_uniform(words.second);
    }
  }

  /// As above with 2⁵² cells, one block of bits per element.
  L0_ALWAYS_INLINE void fill(Index first, Index /*count*/, double* u) const {
    const auto base = static_cast<std::uint64_t>(first);
    for (std::uint32_t i = 0; i < noise_block; ++i) {
      const Words2x32 words =
          threefry2x32(key_, {static_cast<std::uint32_t>(base) + i, static_cast<std::uint32_t>(base >> 32)});
      const std::uint64_t mantissa = (std::uint64_t{words.first} << 20) | (words.second >> 12);
      // 1.mantissa − (1 − 2⁻⁵³): a 64-bit integer to double conversion would keep AVX2 from vectorising this.
      u[i] = std::bit_cast<double>(mantissa | 0x3FF0000000000000U) - (1 - 0x1p-53);
    }
  }

 private:
  L0_ALWAYS_INLINE static float to_uniform(std::uint32_t bits) {
    return static_cast<float>(static_cast<std::int32_t>((bits >> 8) | 1U)) * 0x1p-24F;
  }

  Words2x32 key_;
};

}  // namespace detail

/// Counter-based random numbers: every number is a function of (seed, stream, draw, element) and of nothing else, so
/// one seed gives the same bits whatever the number of threads, the block size or the order in which gates are asked.
///
/// Gates and layers keep their own stream and count their own draws; `Rng` supplies the seed and hands out streams. It
/// also is a `std::uniform_random_bit_generator` with a sequence of its own, for shuffles and standard distributions.
class Rng {
 public:
  using result_type = std::uint64_t;  ///< as the standard library wants it

  /// The same seed gives the same numbers.
  explicit Rng(std::uint64_t seed = 0) : seed_(seed) {}

  /// The seed, as given.
  std::uint64_t seed() const { return seed_; }

  /// The next unused stream: 1, 2, ... (0 is the default of gates that stand alone).
  std::uint64_t next_stream() { return ++last_stream_; }

  /// The noise of one draw of one gate.
  detail::ThreefryUniforms uniforms(const NoiseRequest& request) const {
    return detail::ThreefryUniforms(key(request.stream, request.draw));
  }

  /// The least result of a call.
  static constexpr result_type min() { return 0; }
  /// The largest result of a call.
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  /// The next 64 random bits, for distributions of the standard library.
  result_type operator()() {
    const Words2x32 words = threefry2x32(key(sequence_stream, 0), split_words(position_++));
    return std::uint64_t{words.second} << 32 | words.first;
  }

 private:
  static constexpr std::uint64_t sequence_stream = ~std::uint64_t{0};

  Words2x32 key(std::uint64_t stream, std::uint64_t draw) const {
    return threefry2x32(threefry2x32(split_words(seed_), split_words(stream)), split_words(draw));
  }

  std::uint64_t seed_;
  std::uint64_t last_stream_ = 0;
  std::uint64_t position_ = 0;
};

namespace detail {

/// The draw number under which a layer's initial values are drawn; gates count from 0.
inline constexpr std::uint64_t initial_draw = ~std::uint64_t{0};

/// Fills `values` with independent U(0, 1) numbers of one draw, in storage order.
template <class Scalar>
void fill_uniform(const Rng& rng, std::uint64_t stream, std::uint64_t draw, Scalar* values, Index size) {
  const auto source = rng.uniforms({stream, draw, size, 1});
  for (Index first = 0; first < size; first += noise_block) {
    Scalar block[noise_block];
    source.fill(first, noise_block, block);
    const Index count = size - first < noise_block ? size - first : noise_block;
    for (Index i = 0; i < count; ++i) values[first + i] = block[i];
  }
}

/// Fills `values` with independent N(0, 1) numbers (Box & Muller 1958).
template <class Scalar>
void fill_normal(const Rng& rng, std::uint64_t stream, std::uint64_t draw, Scalar* values, Index size) {
  Vector<Scalar> u(2 * size);
  fill_uniform(rng, stream, draw, u.data(), u.size());
  for (Index i = 0; i < size; ++i) {
    values[i] = std::sqrt(-2 * std::log(u(2 * i))) * std::cos(2 * std::numbers::pi_v<Scalar> * u(2 * i + 1));
  }
}

}  // namespace detail

/// A matrix of independent uniform numbers, 0 < u < 1: draw 0 of the next stream of `rng`, so that matrices asked for
/// one after the other are independent, and each depends on the seed, on how many streams were handed out before, and
/// on nothing else. `Scalar` is float or double. Throws `Error` for a size < 0.
template <std::floating_point Scalar>
Matrix<Scalar> standard_uniform(Rng& rng, Index rows, Index columns = 1) {
  detail::require_size("rows", rows);
  detail::require_size("columns", columns);
  Matrix<Scalar> result(rows, columns);
  detail::fill_uniform(rng, rng.next_stream(), 0, result.data(), result.size());
  return result;
}

/// A matrix of independent N(0, 1) numbers (Box & Muller 1958), drawn as `standard_uniform` draws:
///
///     l0::Rng rng(42);
///     const Eigen::MatrixXd X = l0::standard_normal<double>(rng, 100, 5);
///     const Eigen::VectorXd noise = 0.1 * l0::standard_normal<double>(rng, 100);
///
/// Standard distributions take an `Rng` too, but what they make of it differs between standard libraries.
template <std::floating_point Scalar>
Matrix<Scalar> standard_normal(Rng& rng, Index rows, Index columns = 1) {
  detail::require_size("rows", rows);
  detail::require_size("columns", columns);
  Matrix<Scalar> result(rows, columns);
  detail::fill_normal(rng, rng.next_stream(), 0, result.data(), result.size());
  return result;
}

}  // namespace l0
