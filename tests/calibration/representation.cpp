// SPDX-License-Identifier: MIT
// A budget keeps records that stand for all: what is no target is estimated at least as well as by a random sample, and
// weights stay near to what the records stand for.
#include <l0/calibration/calibration.hpp>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::representation {

namespace {

using l0::CalibrationLoss;
using l0::Index;

/// Persons with five traits of four values each; cells of two traits are counted, some amounts are summed. A third of
/// the cells and half of the amounts are no targets.
struct Population {
  Eigen::SparseMatrix<double> m, held_out;
  Eigen::VectorXd targets, truth;
  std::vector<double> start;

  explicit Population(Index records, std::uint64_t seed) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    std::vector<Eigen::Triplet<double>> in, out;
    Eigen::VectorXd weight(records);
    for (Index i = 0; i < records; ++i) {
      start.push_back(100 * std::exp(0.5 * normal(rng)));
      const double z = normal(rng);
      weight(i) = start.back() * std::exp(0.1 * normal(rng) + 0.1 * z);
      int trait[5];
      for (int& t : trait) t = std::min(3, static_cast<int>(4 * std::pow(uniform(rng), 1.5)));
      in.emplace_back(0, static_cast<int>(i), 1);
      int pair = 0;
      for (int a = 0; a < 5; ++a) {
        for (int b = a + 1; b < 5; ++b, ++pair) {
          const int cell = 4 * trait[a] + trait[b];
          if (pair % 3 != 0) in.emplace_back(1 + 16 * pair + cell, static_cast<int>(i), 1);
          if (pair % 3 == 0) out.emplace_back(16 * pair + cell, static_cast<int>(i), 1);
        }
      }
      for (int v = 0; v < 6; ++v) {
        const double value = uniform(rng) < 0.6 ? std::exp(8 + 0.9 * normal(rng) + 0.5 * z + 0.2 * trait[v % 5]) : 0;
        if (v < 3) in.emplace_back(161 + v, static_cast<int>(i), value);
        if (v >= 3) out.emplace_back(160 + v, static_cast<int>(i), value);
      }
    }
    m.resize(164, records);
    m.setFromTriplets(in.begin(), in.end());
    held_out.resize(166, records);
    held_out.setFromTriplets(out.begin(), out.end());
    targets = m * weight;
    truth = held_out * weight;
  }
};

/// Mean relative error over the totals that are not 0.
double mean_error(const Eigen::VectorXd& sums, const Eigen::VectorXd& wanted) {
  double total = 0;
  Index count = 0;
  for (Index i = 0; i < sums.size(); ++i) {
    if (wanted(i) == 0) continue;
    total += std::abs(sums(i) / wanted(i) - 1);
    ++count;
  }
  return total / static_cast<double>(count);
}

double effective(const Eigen::VectorXd& w) { return w.sum() * w.sum() / w.squaredNorm(); }

/// A random sample, raked: all of its records calibrated without a choice.
Eigen::VectorXd raked(const Population& p, Index count, std::uint64_t seed) {
  std::vector<Index> order(p.start.size());
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(seed);
  std::shuffle(order.begin(), order.end(), rng);
  std::vector<double> start(p.start.size(), 0.0);
  for (Index k = 0; k < count; ++k) {
    const auto j = static_cast<std::size_t>(order[static_cast<std::size_t>(k)]);
    start[j] = p.start[j];
  }
  l0::SparseCalibrationWeights<double> cal(p.m.cols(), {.initial_weights = start, .gates = l0::GateMode::off});
  cal.fit(p.m, p.targets);
  return cal.weights();
}

}  // namespace

TEST_CASE("What is no target is estimated better than by a random sample calibrated to the same targets") {
  for (const double share : {0.05, 0.15, 0.3}) {
    for (const CalibrationLoss loss : {CalibrationLoss::relative, CalibrationLoss::capped}) {
      CAPTURE(share, static_cast<int>(loss));
      double on = 0, off = 0, random_off = 0, size = 0, random_size = 0;
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const Population p(5000, seed);
        const auto budget = static_cast<Index>(share * static_cast<double>(p.m.cols()));
        l0::SparseCalibrationWeights<double> cal(p.m.cols(), {.max_records = budget, .initial_weights = p.start});
        const auto report = cal.fit(p.m, p.targets, {.loss = loss});
        CHECK(report.records == budget);
        const Eigen::VectorXd random = raked(p, budget, seed);
        on += mean_error(p.m * cal.weights(), p.targets) / 3;
        off += mean_error(p.held_out * cal.weights(), p.truth) / 3;
        random_off += mean_error(p.held_out * random, p.truth) / 3;
        size += effective(cal.weights()) / 3;
        random_size += effective(random) / 3;
      }
      CHECK(on < 1e-3);
      CHECK(off < (share < 0.1 ? 0.95 : 1) * random_off);
      CHECK(size > random_size);
      CHECK(size > (share < 0.1 ? 0.7 : 0.95) * share * 5000);
    }
  }
}

TEST_CASE("Few more records than targets, and the targets are met with weights that are nearly even") {
  // Counts and log-normal amounts, 60 targets; a random sample of 80 cannot meet them.
  constexpr Index records = 4000, rows = 60, budget = 80;
  l0::Rng rng(3);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Eigen::MatrixXd m = Eigen::MatrixXd::Zero(rows, records);
  std::vector<double> start;
  Eigen::VectorXd weight(records);
  for (Index j = 0; j < records; ++j) {
    m(0, j) = 1;
    for (Index i = 1; i < rows; ++i) {
      if (uniform(rng) < (i < 40 ? 0.05 + 0.04 * static_cast<double>(i % 7) : 0.5))
        m(i, j) = i < 40 ? 1 : std::exp(normal(rng));
    }
    start.push_back(50 * std::exp(0.8 * normal(rng)));
    weight(j) = start.back() * std::exp(0.2 * normal(rng));
  }
  const Eigen::VectorXd targets = m * weight;
  l0::SparseCalibrationWeights<double> cal(records, {.max_records = budget, .initial_weights = start});
  const auto report = cal.fit(m, targets);
  CHECK(report.all.largest < 1e-9);
  CHECK(report.stop == l0::StopReason::converged);
  CHECK(report.weights.effective_sample_size > 0.8 * budget);
}

TEST_CASE("Probabilities add up, are proportional to size, and rise where a record is a large part of a target") {
  const std::vector<double> size{1, 2, 3, 4, 90};
  const auto plain = l0::detail::inclusion_probabilities(size, std::vector<double>(5, 0.0), 2);
  CHECK(plain[4] == 1);  // 90 of 100 is more than a half
  for (std::size_t j = 0; j < 4; ++j) CHECK(plain[j] == Catch::Approx(size[j] / 10));
  const std::vector<double> share{0.8, 0, 0, 0, 0};
  const auto raised = l0::detail::inclusion_probabilities(size, share, 2);
  CHECK(raised[0] == Catch::Approx(0.8));
  CHECK(raised[4] == 1);
  CHECK(std::accumulate(raised.begin(), raised.end(), 0.0) == Catch::Approx(2));
  CHECK(raised[3] / raised[1] == Catch::Approx(2));
  const auto all = l0::detail::inclusion_probabilities(size, share, 5);
  for (const double p : all) CHECK(p == Catch::Approx(1));
  const auto in = l0::detail::systematic_sample(plain, 2);
  CHECK(std::count(in.begin(), in.end(), char(1)) == 2);
  CHECK(in[4] == 1);
}

TEST_CASE("Records that keep probabilities leave out come in only for others like them") {
  const Population p(2000, 1);
  std::vector<double> keep(2000, 0.001);
  for (std::size_t j = 0; j < keep.size(); j += 4) keep[j] = 0.999;
  l0::SparseCalibrationWeights<double> cal(2000,
                                           {.max_records = 300, .initial_weights = p.start, .keep_probability = keep});
  cal.fit(p.m, p.targets);
  Index likely = 0;
  for (const Index j : cal.active_records()) likely += j % 4 == 0;
  CHECK(likely > 270);
}

}  // namespace tests::calibration::representation
