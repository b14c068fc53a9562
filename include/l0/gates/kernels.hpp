// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <l0/core/simd.hpp>
#include <l0/random/rng.hpp>

/// \file
/// The passes over arrays of gates, as kernels for `detail::dispatch`. They work in blocks of 64 elements held in local
/// arrays: the compiler sees loops of known length without aliasing, and the last, shorter block takes the same path.

namespace l0::detail {

/// A block read from memory, padded with its first value.
template <class Scalar>
L0_ALWAYS_INLINE void load_block(const Scalar* from, Index count, Scalar (&to)[noise_block]) {
  if (count == noise_block) {
    for (Index i = 0; i < noise_block; ++i) to[i] = from[i];
  } else {
    for (Index i = 0; i < noise_block; ++i) to[i] = from[i < count ? i : 0];
  }
}

template <class Scalar>
L0_ALWAYS_INLINE void store_block(const Scalar (&from)[noise_block], Index count, Scalar* to) {
  if (count == noise_block) {
    for (Index i = 0; i < noise_block; ++i) to[i] = from[i];
  } else {
    for (Index i = 0; i < count; ++i) to[i] = from[i];
  }
}

/// value[i] = gate at noise u[i] and parameter[i].
struct SampleGates {
  template <class Formulas, class Uniforms, class Scalar>
  L0_ALWAYS_INLINE static void run(Formulas formulas, Uniforms uniforms, const Scalar* parameter, Scalar* value,
                                   Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar u[noise_block];
      Scalar a[noise_block];
      Scalar z[noise_block];
      uniforms.fill(first, count, u);
      load_block(parameter + first, count, a);
      for (Index i = 0; i < noise_block; ++i) z[i] = formulas.sample(u[i], a[i]);
      store_block(z, count, value + first);
    }
  }
};

/// gradient[i] += upstream[i] · dz/dparameter.
struct BackpropagateGates {
  template <class Formulas, class Scalar>
  L0_ALWAYS_INLINE static void run(Formulas formulas, const Scalar* parameter, const Scalar* value,
                                   const Scalar* upstream, Scalar* gradient, Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar a[noise_block];
      Scalar z[noise_block];
      Scalar g[noise_block];
      Scalar sum[noise_block];
      load_block(parameter + first, count, a);
      load_block(value + first, count, z);
      load_block(upstream + first, count, g);
      load_block(gradient + first, count, sum);
      for (Index i = 0; i < noise_block; ++i) sum[i] += g[i] * formulas.sample_derivative(z[i], a[i]);
      store_block(sum, count, gradient + first);
    }
  }
};

/// The same for products weight[i] · value[i] with upstream of their own, which also reaches the weights:
/// gradient[i] += upstream[i] · weight[i] · dz/dparameter, weight_gradient[i] += upstream[i] · value[i].
struct BackpropagateProducts {
  template <class Formulas, class Scalar>
  L0_ALWAYS_INLINE static void run(Formulas formulas, const Scalar* parameter, const Scalar* value,
                                   const Scalar* upstream, const Scalar* weight, Scalar* weight_gradient,
                                   Scalar* gradient, Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar a[noise_block];
      Scalar z[noise_block];
      Scalar g[noise_block];
      Scalar w[noise_block];
      Scalar sum[noise_block];
      Scalar weight_sum[noise_block];
      load_block(parameter + first, count, a);
      load_block(value + first, count, z);
      load_block(upstream + first, count, g);
      load_block(weight + first, count, w);
      load_block(weight_gradient + first, count, weight_sum);
      load_block(gradient + first, count, sum);
      for (Index i = 0; i < noise_block; ++i) {
        weight_sum[i] += g[i] * z[i];
        sum[i] += g[i] * w[i] * formulas.sample_derivative(z[i], a[i]);
      }
      store_block(weight_sum, count, weight_gradient + first);
      store_block(sum, count, gradient + first);
    }
  }
};

/// Returns Σ P(z ≠ 0); where `gradient` is given, gradient[i] += scale · dP/dparameter.
struct PriceGates {
  template <class Formulas, class Scalar>
  L0_ALWAYS_INLINE static double run(Formulas formulas, const Scalar* parameter, Scalar scale, Scalar* gradient,
                                     Index size) {
    double total = 0;
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar a[noise_block];
      Scalar p[noise_block];
      load_block(parameter + first, count, a);
      for (Index i = 0; i < noise_block; ++i) p[i] = formulas.active_probability(a[i]);
      if (gradient != nullptr) {
        Scalar sum[noise_block];
        load_block(gradient + first, count, sum);
        for (Index i = 0; i < noise_block; ++i) sum[i] += scale * formulas.active_probability_derivative(p[i], a[i]);
        store_block(sum, count, gradient + first);
      }
      Scalar lanes[16] = {};
      for (Index i = count; i < noise_block; ++i) p[i] = 0;
      for (Index k = 0; k < noise_block; k += 16) {
        for (Index i = 0; i < 16; ++i) lanes[i] += p[k + i];
      }
      double block = 0;
      for (const Scalar lane : lanes) block += static_cast<double>(lane);
      total += block;
    }
    return total;
  }
};

/// value[i] = P(z ≠ 0).
struct ActiveProbabilities {
  template <class Formulas, class Scalar>
  L0_ALWAYS_INLINE static void run(Formulas formulas, const Scalar* parameter, Scalar* value, Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar a[noise_block];
      load_block(parameter + first, count, a);
      for (Index i = 0; i < noise_block; ++i) a[i] = formulas.active_probability(a[i]);
      store_block(a, count, value + first);
    }
  }
};

/// value[i] = the gate without noise.
struct DeterministicGates {
  template <class Formulas, class Scalar>
  L0_ALWAYS_INLINE static void run(Formulas formulas, const Scalar* parameter, Scalar* value, Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      const Index count = std::min(noise_block, size - first);
      Scalar a[noise_block];
      load_block(parameter + first, count, a);
      for (Index i = 0; i < noise_block; ++i) a[i] = formulas.deterministic(a[i]);
      store_block(a, count, value + first);
    }
  }
};

}  // namespace l0::detail
