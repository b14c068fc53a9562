// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/random/rng.hpp>

namespace l0 {

namespace detail {

template <class Scalar>
class StoredUniforms {
 public:
  explicit StoredUniforms(const Scalar* values) : values_(values) {}

  L0_ALWAYS_INLINE void fill(Index first, Index count, Scalar* u) const {
    for (Index i = 0; i < noise_block; ++i) u[i] = i < count ? values_[first + i] : Scalar(0.5);
  }

 private:
  const Scalar* values_;
};

/// std::uniform_random_bit_generator, whose header <random> would cost more than the rest of this one.
template <class Generator>
concept BitGenerator = requires(Generator& generator) {
  { generator() } -> std::unsigned_integral;
  { Generator::min() } -> std::unsigned_integral;
  { Generator::max() } -> std::unsigned_integral;
};

/// A number in [0, 1) with all digits of Scalar, as std::generate_canonical.
template <class Scalar, class Generator>
Scalar canonical(Generator& generator) {
  constexpr double range = static_cast<double>(Generator::max() - Generator::min()) + 1;
  constexpr double digits = static_cast<double>(std::uint64_t{1} << std::numeric_limits<Scalar>::digits);
  double sum = 0;
  double weight = 1;
  do {
    sum += weight * static_cast<double>(generator() - Generator::min());
    weight *= range;
  } while (weight < digits);
  const auto u = static_cast<Scalar>(sum / weight);
  return u < 1 ? u : 1 - std::numeric_limits<Scalar>::epsilon() / 2;
}

template <class Scalar, class Generator>
class GeneratedUniforms {
 public:
  explicit GeneratedUniforms(Generator& generator) : generator_(&generator) {}

  void fill(Index /*first*/, Index count, Scalar* u) const {
    for (Index i = 0; i < noise_block; ++i) {
      u[i] = i < count ? canonical<Scalar>(*generator_) : Scalar(0.5);
    }
  }

 private:
  Generator* generator_;
};

}  // namespace detail

/// Replays given uniform numbers instead of drawing them, so that golden values and gradient checks see fixed noise.
///
/// Holds one array per gated layer, each of the shape of that layer's gates, indexed (row, column). Every sampling
/// takes the next array and starts again after the last: with one array per gated layer, each forward pass sees the
/// same noise. An array whose shape is not that of the asking gates is refused with `Error`.
template <std::floating_point Scalar>
class GivenNoise {
 public:
  /// One array per gated layer, in the order of the forward pass; copied.
  template <class... Derived>
    requires(sizeof...(Derived) > 0)
  explicit GivenNoise(const Eigen::DenseBase<Derived>&... arrays) : arrays_{Matrix<Scalar>(arrays.derived())...} {}

  /// The array for a request. Throws `Error` if there is none or its shape is another.
  detail::StoredUniforms<Scalar> uniforms(const NoiseRequest& request) const {
    const Matrix<Scalar>& array = arrays_[next_];
    detail::require_shape("the given noise", array.rows(), array.cols(), request.rows, request.columns);
    next_ = (next_ + 1) % arrays_.size();
    return detail::StoredUniforms<Scalar>(array.data());
  }

 private:
  std::vector<Matrix<Scalar>> arrays_;
  mutable std::size_t next_ = 0;
};

/// A source of uniform noise for gates: `Rng`, `GivenNoise`, a type of the user's with the same `uniforms` member, or
/// any standard generator (std::mt19937), which then supplies the numbers in the order in which they are asked.
template <class Source>
concept NoiseSource = detail::BitGenerator<std::remove_cvref_t<Source>> ||
    requires(Source& source, const NoiseRequest& request) {
  source.uniforms(request);
};

namespace detail {

template <class Scalar, class Source>
auto uniforms_from(Source& source, const NoiseRequest& request) {
  if constexpr (requires { source.uniforms(request); }) {
    return source.uniforms(request);
  } else {
    return GeneratedUniforms<Scalar, Source>(source);
  }
}

}  // namespace detail
}  // namespace l0
