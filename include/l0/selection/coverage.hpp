// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <l0/core/batch.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/penalties/penalty.hpp>

namespace l0 {

/// Options of `Coverage`.
struct CoverageOptions {
  Index neighbours = 300;  ///< how many nearest samples are kept for each, ≥ 1
};

/// How well chosen rows of X stand for all: the mean Euclidean distance from a row to the nearest that is chosen (the
/// objective of k-medoids), in units of the mean distance to the centre, so that X may be scaled at will.
///
/// With independent gates its expectation is closed. If d₁ ≤ d₂ ≤ ... are the distances from row i and p_r = P(z ≠ 0)
/// of the r-th nearest,
///
///     E dᵢ = Σ_r d_r p_r Π_{s<r} (1 − p_s),
///
/// so `accumulate` trains gates without noise:
///
///     l0::Coverage<float> coverage(X);
///     l0::Budget<float> budget({.max_cost = 100});
///     ... optimizer.zero_grad();  coverage.accumulate(samples) + budget.accumulate(samples);  optimizer.step();
///
/// Between any two gates the expectation is concave along p_a + p_b = const, so that moving probability from one to the
/// other until one of them is 0 or 1 never makes it worse: nothing is lost by the relaxation (pipage rounding, Ageev &
/// Sviridenko, J. Comb. Optim. 8, 2004). Labels take no part. Memory is n × neighbours; a row none of whose neighbours
/// is chosen counts with the distance to the last of them, so keep a few times n / (number of chosen).
template <std::floating_point Scalar_>
class Coverage {
 public:
  using Scalar = Scalar_;  ///< float or double

  /// X is dense or sparse; a dense copy is made. Throws `Error` for NaN and infinity in X. Takes time n² (columns + log
  /// neighbours).
  template <BatchInput X>
  explicit Coverage(const X& x, const CoverageOptions& options = {}) {
    detail::require(options.neighbours >= 1, "neighbours", options.neighbours, "a number >= 1");
    const Matrix<typename X::Scalar> rows(x);
    detail::require_finite("X", rows);
    const Matrix<Scalar> samples = rows.template cast<Scalar>().transpose();
    size_ = samples.cols();
    count_ = std::min(options.neighbours, size_);
    index_.resize(count_, size_);
    distance_.resize(count_, size_);
    Vector<Scalar> squares(size_);
    std::vector<Index> order(static_cast<std::size_t>(size_));
    for (Index i = 0; i < size_; ++i) {
      squares = (samples.colwise() - samples.col(i)).colwise().squaredNorm();
      std::iota(order.begin(), order.end(), Index{0});
      const auto nearer = [&](Index a, Index b) {
        return squares(a) != squares(b) ? squares(a) < squares(b) : (a == i) != (b == i) ? a == i : a < b;
      };
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count_), order.end(), nearer);
      for (Index r = 0; r < count_; ++r) {
        const Index j = order[static_cast<std::size_t>(r)];
        index_(r, i) = static_cast<int>(j);
        distance_(r, i) = std::sqrt(squares(j));
      }
    }
    if (size_ == 0) return;
    const Vector<Scalar> centre = samples.rowwise().mean();
    const Scalar unit = (samples.colwise() - centre).colwise().norm().mean();
    if (unit > 0) distance_ /= unit;
  }

  /// How many numbers there are.
  Index size() const { return size_; }

  /// E of the mean distance where row j is chosen with probability p_j; writes dE/dp to `gradient`. Throws `Error`
  /// unless p has `size()` entries in [0, 1].
  Scalar expected(const Vector<Scalar>& p, Vector<Scalar>& gradient) const {
    detail::require_shape("p", p.rows(), p.cols(), size(), 1);
    for (Index j = 0; j < size(); ++j) detail::require(p(j) >= 0 && p(j) <= 1, "p", p(j), "probabilities");
    Vector<Scalar> tail;
    return evaluate(p, gradient, tail);
  }

  /// `expected` at the gates' P(z ≠ 0); adds its gradient to that of log α. `gates` is a `SampleGate`, `HybridGate` or
  /// a gate array of one column.
  template <class Gates>
  Scalar accumulate(Gates& gates) {
    auto& gate = detail::gates_of(gates);
    detail::require_shape("the gates", gate.rows(), gate.columns(), size(), 1);
    Scalar value = 0;
    gate.accumulate_prices([&](const auto& p, auto& slope) { value = evaluate(p, slope, tail_); });
    return value;
  }

  /// The mean distance where exactly these rows are chosen.
  Scalar distance(const std::vector<Index>& chosen) const {
    Vector<Scalar> p = Vector<Scalar>::Zero(size());
    for (const Index j : chosen) {
      detail::require(j >= 0 && j < size(), "chosen row", j, "a row in [0, " + detail::to_text(size()) + ")");
      p(j) = 1;
    }
    Vector<Scalar> unused;
    return expected(p, unused);
  }

 private:
  Scalar evaluate(const Vector<Scalar>& p, Vector<Scalar>& gradient, Vector<Scalar>& tail) const {
    gradient.setZero(size());
    if (size() == 0) return 0;
    tail.resize(count_);
    Scalar total = 0;
    for (Index i = 0; i < size(); ++i) total += add_row(i, p, gradient, tail);
    gradient /= static_cast<Scalar>(size());
    return total / static_cast<Scalar>(size());
  }

  /// E dᵢ; adds its gradient. dE/dp_r = Π_{s<r} (1 − p_s) (d_r − E of the distance without the first r).
  Scalar add_row(Index i, const Vector<Scalar>& p, Vector<Scalar>& gradient, Vector<Scalar>& tail) const {
    // Neighbours count until one of those before is chosen almost surely.
    Index last = 0;
    for (Scalar none = 1; last < count_ && none > std::numeric_limits<Scalar>::epsilon(); ++last) {
      none *= 1 - p(index_(last, i));
    }
    // From the last to the first: `beyond` is the expected distance where none of those before is chosen.
    Scalar beyond = distance_(count_ - 1, i);
    for (Index r = last; r-- > 0;) {
      tail(r) = beyond;
      const Scalar q = p(index_(r, i));
      beyond = q * distance_(r, i) + (1 - q) * beyond;
    }
    Scalar none = 1;
    for (Index r = 0; r < last; ++r) {
      const Index j = index_(r, i);
      gradient(j) += none * (distance_(r, i) - tail(r));
      none *= 1 - p(j);
    }
    return beyond;
  }

  Index size_ = 0;
  Index count_ = 0;
  Matrix<detail::Dependent<int, Scalar>> index_;
  Matrix<Scalar> distance_;
  Vector<Scalar> tail_;  // scratch
};

}  // namespace l0
