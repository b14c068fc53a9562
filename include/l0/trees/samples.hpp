// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/trees/binning.hpp>

namespace l0::detail {

/// The samples of a fit: features on the scale of ranks, the bin of each, and what is to be learnt. They stand in an
/// order drawn from what they contain, so that neither folds nor sums depend on the order in which they came.
template <class Scalar>
struct RankedSamples {
  std::vector<QuantileScale<Scalar>> scales;
  Matrix<Scalar> rank;                          ///< `missing_rank` where a value is missing
  Matrix<Dependent<std::uint8_t, Scalar>> bin;  ///< `most_bins` where a value is missing
  Vector<Scalar> y;                             ///< in the unit that the ensemble is grown in
  Vector<Scalar> weight;                        ///< so many samples each stands for, > 0
  Vector<Scalar> offset;                        ///< added to η; empty: none
  std::vector<Index> fold;                      ///< the user's own; empty: drawn

  /// Of samples that all weigh something. `offset` and `fold` may be empty.
  template <class X>
  RankedSamples(const Eigen::MatrixBase<X>& x, const Vector<Scalar>& target, const Vector<Scalar>& weights,
                const Vector<Scalar>& offsets = {}, const std::vector<Index>& folds = {}) {
    const Index n = x.rows();
    Matrix<Scalar> ranks(n, x.cols());
    Matrix<Dependent<std::uint8_t, Scalar>> bins(n, x.cols());
    std::vector<Dependent<std::uint64_t, Scalar>> key = keys_of(target);
    for (Index j = 0; j < x.cols(); ++j) {
      const Vector<Scalar> column = x.col(j);
      scales.emplace_back(column, weights);
      for (Index i = 0; i < n; ++i) {
        ranks(i, j) = scales.back().to_rank(column(i));
        bins(i, j) = static_cast<std::uint8_t>(scales.back().bin_of(column(i)));
        auto& word = key[static_cast<std::size_t>(i)];
        word = scrambled(word + bins(i, j));
      }
    }
    std::vector<Dependent<Index, Scalar>> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      const std::uint64_t one = key[static_cast<std::size_t>(a)];
      const std::uint64_t other = key[static_cast<std::size_t>(b)];
      if (one != other) return one < other;
      for (Index j = 0; j < ranks.cols(); ++j) {
        if (ranks(a, j) != ranks(b, j)) return ranks(a, j) < ranks(b, j);
      }
      return weights(a) < weights(b);
    });
    rank = ranks(order, Eigen::seqN(0, ranks.cols()));
    bin = bins(order, Eigen::seqN(0, ranks.cols()));
    y = target(order);
    weight = weights(order);
    if (offsets.size() > 0) offset = offsets(order);
    if (!folds.empty()) {
      for (const Index i : order) fold.push_back(folds[static_cast<std::size_t>(i)]);
    }
  }

  /// The ranks of some samples.
  Matrix<Scalar> rank_of(const std::vector<Index>& rows) const { return rank(rows, Eigen::seqN(0, rank.cols())); }
  Index samples() const { return rank.rows(); }
  Index features() const { return rank.cols(); }
  /// A constant for η, beside the offset.
  Vector<Scalar> constant(double value) const {
    Vector<Scalar> eta = Vector<Scalar>::Constant(samples(), static_cast<Scalar>(value));
    if (offset.size() > 0) eta += offset;
    return eta;
  }

 private:
  static std::uint64_t scrambled(std::uint64_t x) {  // the finaliser of MurmurHash3
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 33U)) * 0xFF51AFD7ED558CCDU;
    x = (x ^ (x >> 33U)) * 0xC4CEB9FE1A85EC53U;
    return x ^ (x >> 33U);
  }

  /// A number for the place of each target among all: the same in other units.
  static std::vector<Dependent<std::uint64_t, Scalar>> keys_of(const Vector<Scalar>& target) {
    std::vector<Dependent<Index, Scalar>> order(static_cast<std::size_t>(target.size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return target(a) < target(b); });
    std::vector<Dependent<std::uint64_t, Scalar>> key(order.size());
    std::uint64_t place = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      if (k > 0 && target(order[k]) > target(order[k - 1])) ++place;
      key[static_cast<std::size_t>(order[k])] = scrambled(place);
    }
    return key;
  }
};

}  // namespace l0::detail
