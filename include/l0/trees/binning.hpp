// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// Features on the scale of their ranks: u(x) is the share of samples below x, and half of those equal to it, taken at
/// up to 256 values of the samples and linear in between; constant outside. Splits on this scale do not depend on the
/// units of a feature nor on outliers.
template <class Scalar>
class QuantileScale {
 public:
  QuantileScale() = default;  // to be read from a file
  /// Of the samples in one column; they must be finite and at least one.
  template <class Column>
  explicit QuantileScale(const Eigen::MatrixBase<Column>& column) {
    std::vector<Scalar> sorted(static_cast<std::size_t>(column.size()));
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = column.derived().coeff(static_cast<Index>(i));
    std::sort(sorted.begin(), sorted.end());
    std::size_t distinct = 1;
    for (std::size_t i = 1; i < sorted.size(); ++i) distinct += sorted[i] > sorted[i - 1] ? 1U : 0U;
    const std::size_t n = sorted.size();
    // A knot at every run of equal values, or at those runs that reach the next 256th of the samples, and at the last.
    const double step = distinct <= most_knots ? 0.0 : static_cast<double>(n) / most_knots;
    double next = 0;
    for (std::size_t first = 0; first < n;) {
      std::size_t last = first;
      while (last + 1 < n && !(sorted[last + 1] > sorted[first])) ++last;
      if (static_cast<double>(last) >= next || first == 0 || last + 1 == n) {
        values_.push_back(sorted[first]);
        ranks_.push_back(static_cast<Scalar>((static_cast<double>(first + last) + 1) / (2 * static_cast<double>(n))));
        while (step > 0 && next <= static_cast<double>(last)) next += step;
      }
      first = last + 1;
    }
  }

  bool is_constant() const { return values_.size() < 2; }

  Scalar to_rank(Scalar x) const {
    if (!(x > values_.front())) return ranks_.front();
    if (x >= values_.back()) return ranks_.back();
    const auto k = static_cast<std::size_t>(std::upper_bound(values_.begin(), values_.end(), x) - values_.begin());
    const Scalar share = (x - values_[k - 1]) / (values_[k] - values_[k - 1]);
    return ranks_[k - 1] + share * (ranks_[k] - ranks_[k - 1]);
  }

 private:
  friend struct StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("values", self.values_);
    a("ranks", self.ranks_);
    if constexpr (Archive::reads) {
      bool good = !self.values_.empty() && self.values_.size() == self.ranks_.size();
      for (std::size_t k = 0; good && k < self.values_.size(); ++k) {
        good = self.values_[k] - self.values_[k] == 0 && self.ranks_[k] >= 0 && self.ranks_[k] <= 1 &&
               (k == 0 || (self.values_[k] > self.values_[k - 1] && self.ranks_[k] >= self.ranks_[k - 1]));
      }
      a.require(good, "a scale that does not ascend");
    }
  }

  static constexpr std::size_t most_knots = 256;

  std::vector<Scalar> values_;  // ascending
  std::vector<Scalar> ranks_;   // ascending
};

/// The samples of a fit on the scale of ranks, and the bin of each: 64 bins of equal width.
template <class Scalar>
struct RankedSamples {
  static constexpr Index bins = 64;

  std::vector<QuantileScale<Scalar>> scales;
  Matrix<Scalar> rank;
  Matrix<Dependent<std::uint8_t, Scalar>> bin;

  template <class X>
  explicit RankedSamples(const Eigen::MatrixBase<X>& x) : rank(x.rows(), x.cols()), bin(x.rows(), x.cols()) {
    for (Index j = 0; j < x.cols(); ++j) {
      const Vector<Scalar> column = x.col(j);
      scales.emplace_back(column);
      for (Index i = 0; i < x.rows(); ++i) {
        rank(i, j) = scales.back().to_rank(column(i));
        bin(i, j) = static_cast<std::uint8_t>(std::min<Index>(bins - 1, static_cast<Index>(rank(i, j) * bins)));
      }
    }
  }
  /// The ranks of some samples.
  auto rank_of(const std::vector<Index>& rows) const { return rank(rows, Eigen::seqN(0, rank.cols())); }
  Index samples() const { return rank.rows(); }
  Index features() const { return rank.cols(); }
};

}  // namespace l0::detail
