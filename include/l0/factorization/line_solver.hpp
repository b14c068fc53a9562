// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include <l0/core/math.hpp>
#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// Lines of factors are padded to multiples of 64 bytes, the widest vector there is: wider ones than the processor has
/// would be taken through memory.
template <class Scalar>
inline constexpr Index factor_lanes = 64 / sizeof(Scalar);

#if defined(__GNUC__)
template <class Scalar>
using FactorLanes [[gnu::vector_size(64)]] = Scalar;
#else
template <class Scalar>
struct FactorLanes {
  Scalar v[factor_lanes<Scalar>];
  friend FactorLanes operator*(Scalar s, const FactorLanes& x) {
    FactorLanes result;
    for (Index l = 0; l < factor_lanes<Scalar>; ++l) result.v[l] = s * x.v[l];
    return result;
  }
  FactorLanes& operator+=(const FactorLanes& x) {
    for (Index l = 0; l < factor_lanes<Scalar>; ++l) v[l] += x.v[l];
    return *this;
  }
};
#endif

/// How the entries of a line count.
enum class LineLoss { squared, weighted, logistic };

/// What is done to a line.
enum class LineStep {
  solve,      ///< the minimum
  support,    ///< the minimum over the entries that are not 0
  threshold,  ///< one entry after the other to its minimum under the price of being open
};

/// What one pass over some lines (rows of R, or its columns) needs. With the other side fixed, line i is the
/// least-squares problem of r_ij − mean − bias_j in its bias and factors, x_j = (1, v_j1, ..., v_jk):
///
///     min_a  Σ_j w_j [(t_j − Σ_f m_f a_f x_jf)² + Σ_f s_f a_f² x_jf²] + Σ_f ridge_f a_f²,
///
/// m and s mean and variance of the gates. Where all cells count, the sums over the other side's lines with the target
/// −mean − bias_j are those of no line in particular, `base_...`, and an entry adds its difference to that (the
/// "sparse plus dense" of Hu, Koren & Volinsky 2008). Entry 0 of the lines of `own` and `features` is 1, and a_0 the
/// bias.
template <class Scalar>
struct LineTask {
  const Index* start = nullptr;
  const std::int32_t* other = nullptr;
  const Scalar* value = nullptr;
  const Scalar* weight = nullptr;      ///< of the entries; null: 1
  const Scalar* features = nullptr;    ///< x, one line of `stride` numbers for each line of the other side
  const Scalar* other_bias = nullptr;  ///< of the other side
  Scalar* own = nullptr;               ///< factors of this side, in and out
  Scalar* own_bias = nullptr;
  const Scalar* gate_mean = nullptr;      ///< m; m_0 = 1 with biases, else 0
  const Scalar* gate_variance = nullptr;  ///< s
  const Scalar* ridge = nullptr;
  const Scalar* base_gram = nullptr;    ///< Σ_j x x' where all cells count, `padded` squared, else null
  const Scalar* base_moment = nullptr;  ///< Σ_j t x
  double base_square = 0;               ///< Σ_j t²
  double* gram = nullptr;  ///< size × size, lower: Σ_i a_f a_g G_fg for all lines, what the gates' own problem needs
  double* moment = nullptr;  ///< Σ_i a_f Σ_j w t x_f
  double* totals = nullptr;  ///< Σ w t², Σ w (t − û), Σ w, and with logistic loss Σ loss before the step
  Scalar* work = nullptr;    ///< `line_work_size(size)` numbers
  LineStep step = LineStep::solve;
  Scalar mean = 0;
  Scalar floor = 0;      ///< added to the diagonal of every problem, relative to its entry
  Scalar threshold = 0;  ///< an entry stays if it lowers Σ w(·)² by more, with Step::threshold
  Index stride = 0;      ///< of lines of factors, `padded`
  Index size = 0;        ///< 1 + k
};

inline constexpr Index line_block = 64;  ///< entries whose features stay in the first cache meanwhile

/// Room for `size` numbers in whole vectors, nine of them at least for a tile of eight rows after the bias.
constexpr Index padded(Index size) { return (size + 15) / 16 * 16; }
constexpr Index line_work_size(Index size) { return padded(size) * (2 * padded(size) + 3) + 3 * line_block; }

/// The pass itself: Gram matrix by register tiles, then elimination from the last variable to the first, which works
/// along the rows of the lower triangle.
template <LineLoss loss>
struct SolveLines {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const LineTask<Scalar>* task, Index first, Index last) {
    const LineTask<Scalar>& t = *task;
    const Index width = padded(t.size);
    Scalar* const g = t.work;
    Scalar* const h = g + width * width;
    Scalar* const a = h + width;
    Scalar* const matrix = a + width;
    Scalar* const moment = matrix + width * (width + 1);
    Scalar* const weight = moment + line_block;
    Scalar* const square = weight + line_block;
    for (Index i = first; i < last; ++i) {
      if (loss == LineLoss::weighted && t.base_gram != nullptr) {
        for (Index l = 0; l < width * width; ++l) g[l] = t.base_gram[l];
        for (Index l = 0; l < width; ++l) h[l] = t.base_moment[l];
      } else {
        for (Index l = 0; l < width * width + width; ++l) g[l] = 0;
      }
      Scalar* const own = t.own + i * t.stride;
      for (Index l = 0; l < width; ++l) a[l] = own[l] * (l < t.size ? t.gate_mean[l] : Scalar(0));
      a[0] = t.own_bias[i] * t.gate_mean[0];
      double squares = t.base_square;
      for (Index begin = t.start[i]; begin < t.start[i + 1]; begin += line_block) {
        const Index count = t.start[i + 1] - begin < line_block ? t.start[i + 1] - begin : line_block;
        targets(t, begin, count, a, moment, weight, square);
        squares += sum(square, count);
        add_block(t, begin, count, moment, weight, g, h);
      }
      t.totals[0] += squares;
      if (t.step == LineStep::threshold) {
        threshold(t, g, h, a);
      } else {
        solve(t, own, g, h, a, matrix);
      }
      summarise(t, g, h, a, i);
    }
  }

 private:
  static constexpr bool weighs = loss != LineLoss::squared;

  /// Of each entry of a block w, w t and w t². The logistic loss is replaced by a parabola that touches it at the
  /// present û and lies above it elsewhere, ½w(û − (r−½)/w)² with w = tanh(û/2)/(2û) (Jaakkola & Jordan, Statistics
  /// and Computing 10, 2000).
  template <class Scalar>
  L0_ALWAYS_INLINE static void targets(const LineTask<Scalar>& t, Index begin, Index count, const Scalar* a,
                                       Scalar* moment, Scalar* weight, Scalar* square) {
    const std::int32_t* const other = t.other + begin;
    const Scalar* const value = t.value + begin;
    const Scalar* const given = t.weight == nullptr ? nullptr : t.weight + begin;
    const Scalar dense = t.base_gram == nullptr ? Scalar(0) : Scalar(1);
    for (Index e = 0; e < count; ++e) {
      const Scalar* const x = t.features + other[e] * t.stride;
      prefetch(x, t.size);
      const Scalar offset = t.mean + t.other_bias[other[e]];
      if constexpr (loss == LineLoss::logistic) {
        Scalar eta = 0;
        for (Index l = 0; l < t.size; ++l) eta += a[l] * x[l];
        eta += offset;
        const Scalar size = eta < 0 ? -eta : eta;
        const Scalar decay = fast_exp(-size);
        const Scalar curve = size > Scalar(1e-2) ? (1 - decay) / (1 + decay) / (2 * size)
                                                 : Scalar(0.25) - size * size * Scalar(1.0 / 48);
        const Scalar target = (value[e] - Scalar(0.5)) / curve - offset;
        const Scalar counts = given == nullptr ? Scalar(1) : given[e];
        weight[e] = counts * curve;
        moment[e] = weight[e] * target;
        square[e] = moment[e] * target;
        t.totals[3] += static_cast<double>(counts * ((eta > 0 ? eta : 0) - value[e] * eta + fast_log(1 + decay)));
      } else if constexpr (loss == LineLoss::weighted) {
        const Scalar target = value[e] - offset;
        const Scalar counts = given[e] + dense;
        weight[e] = given[e];
        moment[e] = counts * target + dense * offset;
        square[e] = counts * target * target - dense * offset * offset;
      } else {
        moment[e] = value[e] - offset;
        square[e] = moment[e] * moment[e];
      }
    }
  }

  /// Eight sums, which a vector takes at once.
  template <class Scalar>
  L0_ALWAYS_INLINE static double sum(const Scalar* values, Index count) {
    constexpr Index lanes = 8;
    double sums[lanes] = {};
    const Index whole = count - count % lanes;
    for (Index e = 0; e < whole; e += lanes) {
      for (Index l = 0; l < lanes; ++l) sums[l] += static_cast<double>(values[e + l]);
    }
    for (Index e = whole; e < count; ++e) sums[e - whole] += static_cast<double>(values[e]);
    double total = 0;
    for (Index l = 0; l < lanes; ++l) total += sums[l];
    return total;
  }

  /// Asks for the lines of a block of entries while their targets are formed.
  template <class Scalar>
  L0_ALWAYS_INLINE static void prefetch(const Scalar* line, Index size) {
#if defined(__GNUC__)
    for (Index l = 0; l < size; l += factor_lanes<Scalar>) __builtin_prefetch(line + l);
#else
    (void)line, (void)size;
#endif
  }

  /// Gram matrix (lower, by tiles) and right-hand side of a block of entries.
  template <class Scalar>
  L0_ALWAYS_INLINE static void add_block(const LineTask<Scalar>& t, Index begin, Index count, const Scalar* moment,
                                         const Scalar* weight, Scalar* g, Scalar* h) {
    constexpr Index rows = 8;
    const std::int32_t* const other = t.other + begin;
    const Index width = padded(t.size);
    // Of the row of the bias the lower triangle has one entry, so that tiles begin after it.
    if constexpr (weighs) {
      for (Index e = 0; e < count; ++e) g[0] += weight[e];
    } else {
      g[0] += static_cast<Scalar>(count);
    }
    for (Index row = 1; row < t.size; row += rows) {
      const Index first = t.size > rows && row > t.size - rows ? t.size - rows : row;
      for (Index lane = 0; lane < first + rows && lane < width; lane += factor_lanes<Scalar>) {
        add_tile<rows>(t, other, count, weight, first, row - first, lane, g);
      }
    }
    for (Index lane = 0; lane < width; lane += factor_lanes<Scalar>) {
      FactorLanes<Scalar> sum;
      std::memcpy(&sum, h + lane, sizeof(sum));
      for (Index e = 0; e < count; ++e) {
        FactorLanes<Scalar> x;
        std::memcpy(&x, t.features + other[e] * t.stride + lane, sizeof(x));
        sum += moment[e] * x;
      }
      std::memcpy(h + lane, &sum, sizeof(sum));
    }
  }

  /// A tile of `rows` rows, the first `known` of which another has added.
  template <Index rows, class Scalar>
  L0_ALWAYS_INLINE static void add_tile(const LineTask<Scalar>& t, const std::int32_t* other, Index count,
                                        const Scalar* weight, Index row, Index known, Index lane, Scalar* g) {
    const Index width = padded(t.size);
    FactorLanes<Scalar> sum[rows];
    for (Index r = 0; r < rows; ++r) std::memcpy(&sum[r], g + (row + r) * width + lane, sizeof(sum[r]));
    for (Index e = 0; e < count; ++e) {
      const Scalar* const x = t.features + other[e] * t.stride;
      FactorLanes<Scalar> lanes;
      std::memcpy(&lanes, x + lane, sizeof(lanes));
      for (Index r = 0; r < rows; ++r) sum[r] += (weighs ? weight[e] * x[row + r] : x[row + r]) * lanes;
    }
    for (Index r = known; r < rows; ++r) std::memcpy(g + (row + r) * width + lane, &sum[r], sizeof(sum[r]));
  }

  /// Eliminates the variables from the last to the first, then substitutes.
  template <class Scalar>
  L0_ALWAYS_INLINE static void solve(const LineTask<Scalar>& t, const Scalar* own, const Scalar* gram, const Scalar* h,
                                     Scalar* a, Scalar* work) {
    const Index n = t.size;
    const Index width = padded(n);
    Scalar* const rhs = work + width * width;
    for (Index f = 0; f < n; ++f) {  // the gates, for now
      rhs[f] = t.step == LineStep::support && f > 0 && own[f] == 0 ? Scalar(0) : t.gate_mean[f];
    }
    for (Index f = 0; f < n; ++f) {
      Scalar* const line = work + f * width;
      const Scalar* const from = gram + f * width;
      const Scalar factor = rhs[f];
      for (Index l = 0; l <= f; ++l) line[l] = factor * rhs[l] * from[l];
      const Scalar open = factor == 0 ? Scalar(0) : Scalar(1);
      line[f] += open * (t.gate_variance[f] + t.floor) * from[f] + t.ridge[f];
      if (!(line[f] > 0)) line[f] = 1;  // no entries, or closed, without a ridge: the solution is 0
    }
    for (Index f = 0; f < n; ++f) rhs[f] *= h[f];
    for (Index p = n - 1; p > 0; --p) {
      const Scalar* const pivot = work + p * width;
      const Scalar inverse = 1 / pivot[p];
      const Scalar top = rhs[p];
      for (Index q = 0; q < p; ++q) {
        const Scalar factor = pivot[q] * inverse;
        Scalar* const line = work + q * width;
        for (Index l = 0; l <= q; ++l) line[l] -= factor * pivot[l];
        rhs[q] -= factor * top;
      }
    }
    for (Index p = 0; p < n; ++p) {
      const Scalar* const line = work + p * width;
      Scalar sum = rhs[p];
      for (Index l = 0; l < p; ++l) sum -= line[l] * a[l];
      a[p] = sum / line[p];
    }
  }

  /// Coordinate steps under a price per open entry: a_f = C/(G_ff + ridge), 0 unless that lowers the squares by more
  /// than the price.
  template <class Scalar>
  L0_ALWAYS_INLINE static void threshold(const LineTask<Scalar>& t, const Scalar* g, const Scalar* h, Scalar* a) {
    const Index width = padded(t.size);
    for (int round = 0; round < 3; ++round) {
      for (Index f = 0; f < t.size; ++f) {
        if (t.gate_mean[f] == 0) continue;
        Scalar gain = h[f];
        for (Index l = 0; l < f; ++l) gain -= g[f * width + l] * a[l];
        for (Index l = f + 1; l < t.size; ++l) gain -= g[l * width + f] * a[l];
        const Scalar curvature = g[f * width + f] * (1 + t.floor) + t.ridge[f];
        const bool open = curvature > 0 && (f == 0 || gain * gain > t.threshold * curvature);
        a[f] = open ? gain / curvature : Scalar(0);
      }
    }
  }

  /// Stores the line and adds what the objective and the gates need.
  template <class Scalar>
  L0_ALWAYS_INLINE static void summarise(const LineTask<Scalar>& t, const Scalar* g, const Scalar* h, const Scalar* a,
                                         Index i) {
    const Index width = padded(t.size);
    Scalar* const own = t.own + i * t.stride;
    t.own_bias[i] = a[0];
    for (Index l = 1; l < t.size; ++l) own[l] = a[l];
    Scalar residual = h[0];
    for (Index f = 0; f < t.size; ++f) {
      residual -= g[f * width] * a[f] * t.gate_mean[f];
      t.moment[f] += static_cast<double>(a[f] * h[f]);
      double* const to = t.gram + f * t.size;
      const Scalar* const from = g + f * width;
      for (Index l = 0; l <= f; ++l) to[l] += static_cast<double>(a[f] * a[l] * from[l]);
    }
    t.totals[1] += static_cast<double>(residual);
    t.totals[2] += static_cast<double>(g[0]);
  }
};

}  // namespace l0::detail
