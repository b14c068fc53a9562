// SPDX-License-Identifier: MIT
// A synthetic national problem in the manner of the L0 calibration paper: records in districts in states, counts and
// heavy-tailed dollar amounts, every variable a target in each district, each state and the nation.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/random/rng.hpp>

namespace bench {

using Eigen::Index;

struct NationalOptions {
  Index states = 50;
  Index districts = 6;  ///< per state
  Index records = 36000;
  Index counts = 6;          ///< variables that count
  Index dollars = 4;         ///< variables in dollars
  double filled = 0.43;      ///< mean share of records that a variable is not 0 for
  double contradiction = 0;  ///< standard deviation of a relative error put on every target
  std::uint64_t seed = 1;
};

struct National {
  Eigen::SparseMatrix<float> m;
  Eigen::VectorXf targets;
  std::vector<double> start;  // survey weights
  std::vector<Index> level;   // of every target: 0 district, 1 state, 2 nation
};

/// Districts differ in size and in how much they have of each variable; half of the true weights are 0, the rest is
/// log-normal about the survey weights.
inline National make_national(const NationalOptions& options) {
  l0::Rng rng(options.seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const Index areas = options.states * options.districts;
  const Index variables = options.counts + options.dollars;
  const Index rows = areas + options.states + 1;
  std::vector<double> size(static_cast<std::size_t>(areas));
  std::vector<double> shift(static_cast<std::size_t>(areas * variables));
  std::vector<double> share(static_cast<std::size_t>(variables));
  for (double& x : size) x = std::exp(0.5 * normal(rng));
  for (double& x : shift) x = 0.4 * normal(rng);
  for (double& x : share) x = options.filled * (0.2 + 1.6 * uniform(rng));

  std::vector<Index> area_of(static_cast<std::size_t>(options.records));
  std::discrete_distribution<Index> any_area(size.begin(), size.end());
  for (Index& area : area_of) area = any_area(rng);
  std::sort(area_of.begin(), area_of.end());

  National national;
  national.m.resize(variables * rows, options.records);
  const double expected = 3.3 * options.filled * static_cast<double>(options.records * variables);
  national.m.reserve(static_cast<Index>(expected));
  Eigen::VectorXd targets = Eigen::VectorXd::Zero(variables * rows);
  for (Index i = 0; i < options.records; ++i) {
    const Index area = area_of[static_cast<std::size_t>(i)];
    const double wealth = normal(rng);
    const double start = 300 * std::exp(0.6 * normal(rng));
    const double truth = uniform(rng) < 0.5 ? 0 : 1.6 * start * std::exp(0.7 * normal(rng));
    national.start.push_back(start);
    national.m.startVec(i);
    for (Index v = 0; v < variables; ++v) {
      const double local = shift[static_cast<std::size_t>(area * variables + v)];
      if (uniform(rng) >= std::min(0.95, share[static_cast<std::size_t>(v)] * std::exp(local))) continue;
      const double value = v < options.counts ? 1 + (v % 2 == 1 ? std::floor(3 * uniform(rng)) : 0)
                                              : std::exp(10 + 1.2 * normal(rng) + 0.4 * wealth + local);
      for (const Index row : {area, areas + area / options.districts, areas + options.states}) {
        national.m.insertBack(v * rows + row, i) = static_cast<float>(value);
        targets(v * rows + row) += static_cast<double>(static_cast<float>(value)) * truth;
      }
    }
  }
  national.m.finalize();
  for (Index j = 0; j < targets.size(); ++j) {
    targets(j) *= 1 + options.contradiction * normal(rng);
    const Index row = j % rows;
    national.level.push_back(row < areas ? 0 : (row < areas + options.states ? 1 : 2));
  }
  national.targets = targets.cast<float>();
  return national;
}

/// Q targets, N records with `entries` log-normal values each at random targets; half of the true weights are 0.
inline National make_unstructured(Index targets, Index records, Index entries, std::uint64_t seed) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  National result;
  result.m.resize(targets, records);
  result.m.reserve(records * entries);
  result.start.assign(static_cast<std::size_t>(records), 1.0);
  result.level.assign(static_cast<std::size_t>(targets), 0);
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(targets);
  std::vector<Index> rows(static_cast<std::size_t>(targets));
  for (Index j = 0; j < targets; ++j) rows[static_cast<std::size_t>(j)] = j;
  for (Index i = 0; i < records; ++i) {
    const double truth = uniform(rng) < 0.5 ? 0 : std::exp(0.5 * normal(rng));
    for (Index k = 0; k < entries; ++k) {
      const auto other = k + static_cast<Index>(rng() % static_cast<std::uint64_t>(targets - k));
      std::swap(rows[static_cast<std::size_t>(k)], rows[static_cast<std::size_t>(other)]);
    }
    std::sort(rows.begin(), rows.begin() + entries);
    result.m.startVec(i);
    for (Index k = 0; k < entries; ++k) {
      const auto value = static_cast<float>(std::exp(normal(rng)));
      result.m.insertBack(rows[static_cast<std::size_t>(k)], i) = value;
      sums(rows[static_cast<std::size_t>(k)]) += static_cast<double>(value) * truth;
    }
  }
  result.m.finalize();
  result.targets = sums.cast<float>();
  return result;
}

}  // namespace bench
