// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/core/types.hpp>

namespace l0::detail {

/// min wᵀGw − 2cᵀw over w ≥ 0 for few weights at a time, G and c given for all records: what a support is worth.
template <class Real>
class SmallSupports {
 public:
  SmallSupports(Matrix<Real> gram, Vector<Real> slope) : gram_(std::move(gram)), slope_(std::move(slope)) {
    for (Index i = 0; i < slope_.size(); ++i) largest_ = std::max(largest_, std::abs(slope_(i)) / length(i));
  }

  /// The minimum over the weights of these records, by active sets: the free ones are solved for, one with a weight
  /// below 0 is held at 0, and one that is held is let go where that lowers the value.
  Real value(const std::vector<Index>& support) const {
    const auto size = static_cast<Index>(support.size());
    std::vector<char> is_free(support.size(), 1);
    Real best = 0;
    for (Index step = 0; step < 4 * size + 4; ++step) {
      std::vector<Index> free;
      for (Index a = 0; a < size; ++a) {
        if (is_free[at(a)]) free.push_back(a);
      }
      const auto count = static_cast<Index>(free.size());
      Matrix<Real> g(count, count);
      Vector<Real> c(count);
      for (Index a = 0; a < count; ++a) {
        const Index i = support[at(free[at(a)])];
        c(a) = slope_(i);
        for (Index b = 0; b < count; ++b) g(a, b) = gram_(i, support[at(free[at(b)])]);
        g(a, a) *= 1 + 1e-12;  // twins share their weight
      }
      const Vector<Real> w = count > 0 ? Vector<Real>(g.ldlt().solve(c)) : c;
      Index least = 0;
      for (Index a = 1; a < count; ++a) {
        if (w(a) < w(least)) least = a;
      }
      if (count > 0 && w(least) < 0) {
        is_free[at(free[at(least)])] = 0;
        continue;
      }
      const Real value = count > 0 ? -c.dot(w) : 0;
      if (step > 0 && !(value < best) && best < 0) return best;
      best = value;
      Index promising = -1;
      Real most = 1e-12 * largest_;
      for (Index a = 0; a < size; ++a) {
        if (is_free[at(a)]) continue;
        const Index i = support[at(a)];
        Real fall = slope_(i);
        for (Index b = 0; b < count; ++b) fall -= gram_(i, support[at(free[at(b)])]) * w(b);
        fall /= length(i);
        if (fall > most) most = fall, promising = a;
      }
      if (promising < 0) return best;
      is_free[at(promising)] = 1;
    }
    return best;
  }

  /// The best support of as many records that exchanges lead to, from this one and from those that begin with any
  /// record and take in what lowers the value most.
  std::vector<Index> best_from(const std::vector<Index>& given) const {
    std::vector<Index> best = polish(given);
    for (Index first = 0; first < slope_.size(); ++first) {
      std::vector<Index> support{first};
      while (support.size() < given.size()) {
        Index next = -1;
        Real least = 0;
        for (Index j = 0; j < slope_.size(); ++j) {
          if (std::find(support.begin(), support.end(), j) != support.end()) continue;
          support.push_back(j);
          const Real now = value(support);
          support.pop_back();
          if (next < 0 || now < least) least = now, next = j;
        }
        support.push_back(next);
      }
      support = polish(std::move(support));
      const Real now = value(support);
      const Real known = value(best);
      if (now < known - 1e-12 * std::abs(known)) best = std::move(support);
    }
    return best;
  }

 private:
  /// Exchanges one record, or two at once, for others as long as that lowers the value.
  std::vector<Index> polish(std::vector<Index> support) const {
    const Index all = slope_.size();
    std::vector<char> in(at(all), 0);
    for (const Index j : support) in[at(j)] = 1;
    Real best = value(support);
    const auto try_at = [&](std::size_t place, Index j, auto&& then) {
      const Index out = support[place];
      support[place] = j;
      in[at(out)] = 0;
      in[at(j)] = 1;
      const Real now = value(support);
      if (now < best - 1e-12 * std::abs(best)) {
        best = now;
        return true;
      }
      if (then()) return true;
      support[place] = out;
      in[at(out)] = 1;
      in[at(j)] = 0;
      return false;
    };
    const auto improve = [&] {
      const auto never = [] { return false; };
      for (const bool pairs : {false, true}) {
        for (std::size_t a = 0; a < support.size(); ++a) {
          for (Index i = 0; i < all; ++i) {
            if (in[at(i)]) continue;
            const bool better = try_at(a, i, [&] {
              for (std::size_t b = a + 1; pairs && b < support.size(); ++b) {
                for (Index j = i + 1; j < all; ++j) {
                  if (!in[at(j)] && try_at(b, j, never)) return true;
                }
              }
              return false;
            });
            if (better) return true;
          }
        }
      }
      return false;
    };
    for (int round = 0; round < 100 && improve(); ++round) {
    }
    return support;
  }

  Real length(Index i) const { return std::sqrt(std::max(gram_(i, i), std::numeric_limits<Real>::min())); }
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  Matrix<Real> gram_;
  Vector<Real> slope_;
  Real largest_ = 0;  // of the slopes, for records of unit length: the unit of a fall
};

}  // namespace l0::detail
