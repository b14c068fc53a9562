// SPDX-License-Identifier: MIT
#pragma once

#include <l0/calibration/options.hpp>
#include <l0/core/math.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/gates/kernels.hpp>
#include <l0/gates/quadrature.hpp>

/// \file
/// Passes over the parameters of blocks of 64 records, as kernels for `detail::dispatch`. Arrays are padded to whole
/// blocks.

namespace l0::detail {

/// The parameters of all records, and what one epoch leaves for the next.
template <class Scalar>
struct RecordArrays {
  Scalar* log_weight;  ///< θ
  Scalar* log_alpha;
  const Scalar* ridge;      ///< price of exp 2θ
  const Scalar* highest;    ///< of θ
  const Scalar* curvature;  ///< Σ κ M², the slope by exp(2θ) Var z of squares; null: from the pass over M
  Scalar* mean;             ///< b = exp θ · z, or · E z
  Scalar* variance;         ///< q = exp 2θ · Var z
  Scalar* gate;             ///< z, or E z
  Scalar* gate_slope;       ///< its derivative by log α
  Scalar* spread;           ///< Var z
  Scalar* spread_slope;
};

/// The gates at the present parameters: draws them, or takes their moments by the quadrature rule given.
template <GateMode mode>
struct EvaluateRecords {
  template <class Scalar, class Uniforms>
  L0_ALWAYS_INLINE static void run(RecordArrays<Scalar> a, HardConcreteFormulas<Scalar> formulas, Uniforms uniforms,
                                   const Scalar* nodes, Index node_count, Index first) {
    Scalar z[noise_block];
    Scalar slope[noise_block];
    Scalar spread[noise_block] = {};
    Scalar spread_slope[noise_block] = {};
    const Scalar* log_alpha = a.log_alpha + first;
    if constexpr (mode == GateMode::off) {
      for (Index i = 0; i < noise_block; ++i) z[i] = 1;
      for (Index i = 0; i < noise_block; ++i) slope[i] = 0;
    } else if constexpr (mode == GateMode::sampled) {
      Scalar u[noise_block];
      uniforms.fill(first, noise_block, u);
      for (Index i = 0; i < noise_block; ++i) z[i] = formulas.sample(u[i], log_alpha[i]);
      for (Index i = 0; i < noise_block; ++i) slope[i] = formulas.sample_derivative(z[i], log_alpha[i]);
    } else {
      moments(formulas, log_alpha, nodes, node_count, z, slope, spread, spread_slope);
    }
    for (Index i = 0; i < noise_block; ++i) {
      const Scalar s = fast_exp(a.log_weight[first + i]);
      a.gate[first + i] = z[i];
      a.gate_slope[first + i] = slope[i];
      a.mean[first + i] = s * z[i];
      if constexpr (mode == GateMode::noise_free) {
        a.spread[first + i] = spread[i];
        a.spread_slope[first + i] = spread_slope[i];
        a.variance[first + i] = s * s * spread[i];
      }
    }
  }

 private:
  /// See `MomentRule`; the complement 1 − P is integrated where log α > 0.
  template <class Scalar>
  L0_ALWAYS_INLINE static void moments(const HardConcreteFormulas<Scalar>& formulas, const Scalar* log_alpha,
                                       const Scalar* nodes, Index node_count, Scalar* mean, Scalar* slope,
                                       Scalar* spread, Scalar* spread_slope) {
    Scalar odds[noise_block];
    Scalar first[noise_block] = {};
    Scalar second[noise_block] = {};
    Scalar first_slope[noise_block] = {};
    Scalar second_slope[noise_block] = {};
    for (Index i = 0; i < noise_block; ++i) odds[i] = fast_exp(-formulas.cut_off(log_alpha[i]));
    for (Index n = 0; n < node_count; ++n) {
      const Scalar position = nodes[3 * n];
      const Scalar weight = nodes[3 * n + 1];
      const Scalar ratio = nodes[3 * n + 2];
      for (Index i = 0; i < noise_block; ++i) {
        const Scalar c = ratio * odds[i];
        const Scalar p = 1 / (1 + c);
        const Scalar q = c * p;
        const bool complement = log_alpha[i] > 0;
        const Scalar tail = select(complement, q, p);
        const Scalar lever = 2 * select(complement, 1 - position, position);
        first[i] += weight * tail;
        second[i] += weight * lever * tail;
        first_slope[i] += weight * p * q;
        second_slope[i] += weight * lever * p * q;
      }
    }
    for (Index i = 0; i < noise_block; ++i) {
      const bool complement = log_alpha[i] > 0;
      const bool inside = formulas.inside(log_alpha[i]);
      const Scalar bent = second_slope[i] - 2 * first[i] * first_slope[i];
      mean[i] = select(complement, 1 - first[i], first[i]);
      spread[i] = select(second[i] > first[i] * first[i], second[i] - first[i] * first[i], Scalar(0));
      slope[i] = select(inside, first_slope[i], Scalar(0));
      spread_slope[i] = select(inside, select(complement, -bent, bent), Scalar(0));
    }
  }
};

/// From the slopes of the loss by b and q to those of the objective by θ and log α, with the prices.
template <GateMode mode>
struct DifferentiateRecords {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(RecordArrays<Scalar> a, HardConcreteFormulas<Scalar> formulas, Scalar price,
                                   const Scalar* by_mean, const Scalar* by_variance, Scalar* by_log_weight,
                                   Scalar* by_log_alpha, Index first) {
    for (Index i = 0; i < noise_block; ++i) {
      const Index j = first + i;
      const Scalar s = fast_exp(a.log_weight[j]);
      Scalar d_weight = a.mean[j] * by_mean[i] + 2 * a.ridge[j] * s * s;
      Scalar d_alpha = s * a.gate_slope[j] * by_mean[i];
      if constexpr (mode == GateMode::noise_free) {
        d_weight += 2 * a.variance[j] * by_variance[i];
        d_alpha += s * s * a.spread_slope[j] * by_variance[i];
      }
      if constexpr (mode != GateMode::off) {
        const Scalar p = formulas.active_probability(a.log_alpha[j]);
        d_alpha += price * formulas.active_probability_derivative(p, a.log_alpha[j]);
      }
      by_log_weight[i] = d_weight;
      by_log_alpha[i] = d_alpha;
    }
  }
};

/// One step of Adam for a block; `rate` holds the corrections for the step number.
struct StepRecords {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(Scalar rate, Scalar epsilon, const Scalar* highest, Scalar lowest,
                                   const Scalar* gradient, Scalar* value, Scalar* first, Scalar* second) {
    for (Index i = 0; i < noise_block; ++i) {
      const Scalar m = Scalar(0.9) * first[i] + Scalar(0.1) * gradient[i];
      const Scalar v = Scalar(0.999) * second[i] + Scalar(0.001) * gradient[i] * gradient[i];
      first[i] = m;
      second[i] = v;
      const Scalar next = value[i] - rate * m / (fast_sqrt(v) + epsilon);
      value[i] = select(next > highest[i], highest[i], select(next < lowest, lowest, next));
    }
  }
};

}  // namespace l0::detail
