// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/calibration/calibration.hpp>

namespace l0::test {

/// Records in districts in states; every variable is a target in each district, each state and the nation. Targets come
/// from weights of which half are 0, so they can be met exactly; with `noise` they contradict each other.
template <class Scalar>
struct Survey {
  Eigen::SparseMatrix<Scalar> m;
  Vector<Scalar> targets;
  std::vector<double> start;
  std::vector<Index> level;  // of every target: 0 district, 1 state, 2 nation

  explicit Survey(Index states = 6, Index districts = 4, Index records_each = 30, Index variables = 5, double noise = 0,
                  std::uint64_t seed = 1) {
    Rng rng(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    const Index areas = states * districts;
    const Index records = areas * records_each;
    const Index rows = areas + states + 1;
    std::vector<Eigen::Triplet<Scalar>> entries;
    Vector<double> truth(records);
    for (Index i = 0; i < records; ++i) {
      const Index area = i / records_each;
      start.push_back(300 * std::exp(0.5 * normal(rng)));
      truth(i) = uniform(rng) < 0.5 ? 0 : 2 * start.back() * std::exp(0.5 * normal(rng));
      for (Index v = 0; v < variables; ++v) {
        if (uniform(rng) > 0.3 + 0.1 * static_cast<double>(v % 4)) continue;
        const double value = v % 2 == 0 ? 1 + std::floor(3 * uniform(rng)) : std::exp(9 + normal(rng));
        for (const Index row : {area, areas + area / districts, areas + states}) {
          entries.emplace_back(static_cast<int>(v * rows + row), static_cast<int>(i), static_cast<Scalar>(value));
        }
      }
    }
    m.resize(variables * rows, records);
    m.setFromTriplets(entries.begin(), entries.end());
    Vector<double> t = m.template cast<double>() * truth;
    for (Index j = 0; j < t.size(); ++j) {
      t(j) *= 1 + noise * normal(rng);
      level.push_back(j % rows < areas ? 0 : (j % rows < areas + states ? 1 : 2));
    }
    targets = t.template cast<Scalar>();
  }
};

/// Σ g min(|e|, 1)/Σ g over all targets, computed apart from the library.
template <class M, class T, class W>
double capped_error(const M& m, const T& targets, const W& weights) {
  const Vector<double> sums = m.template cast<double>() * weights.template cast<double>();
  double total = 0;
  for (Index j = 0; j < sums.size(); ++j) {
    const auto t = static_cast<double>(targets(j));
    total += std::min(std::abs(sums(j) - t) / std::max(std::abs(t), 1.0), 1.0);
  }
  return total / static_cast<double>(sums.size());
}

}  // namespace l0::test
