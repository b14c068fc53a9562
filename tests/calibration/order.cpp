// SPDX-License-Identifier: MIT
// The order of the records in the file means nothing: a permuted file gives the permuted answer, and over exchangeable
// records choice and weight are uniform.
#include <l0/calibration/calibration.hpp>

#include <array>
#include <random>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::order {

namespace {

using l0::CalibrationLoss;
using l0::CalibrationMethod;
using l0::CalibrationOptions;
using l0::GateMode;
using l0::Index;

/// 9 targets, records drawn alike one after the other: a head count, four cells, four amounts.
struct Exchangeable {
  Eigen::MatrixXd m;
  Eigen::VectorXd targets;

  Exchangeable(Index records, std::uint64_t seed) : m(9, records) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    for (Index j = 0; j < records; ++j) {
      m(0, j) = 1;
      for (Index i = 1; i < 5; ++i) m(i, j) = uniform(rng) < 0.1 * static_cast<double>(i) ? 1 : 0;
      for (Index i = 5; i < 9; ++i) m(i, j) = std::exp(normal(rng));
    }
    targets = m.rowwise().sum();
    for (Index i = 0; i < 9; ++i) targets(i) *= 1 + 0.1 * normal(rng);
  }
};

/// Sums over seeds of what the tenths of the file get, and the χ² of their differences with variances from the seeds.
class Tenths {
 public:
  void add(const std::array<double, 10>& part) {
    ++seeds_;
    for (std::size_t t = 0; t < 10; ++t) {
      sum_[t] += part[t];
      square_ += (part[t] - 0.1) * (part[t] - 0.1);
    }
  }

  /// χ² with 9 degrees of freedom: parts that add up to 1 have the covariance σ² (I − 11ᵀ/10).
  double statistic() const {
    const double variance = square_ / (9 * seeds_);
    double total = 0;
    for (const double s : sum_) total += (s - 0.1 * seeds_) * (s - 0.1 * seeds_);
    return total / (seeds_ * variance);
  }

 private:
  double seeds_ = 0;
  double square_ = 0;
  std::array<double, 10> sum_{};
};

// χ²(9) is above 27.9 once in a thousand.
constexpr double chi_square_limit = 27.9;

template <class Scalar>
void check_uniform(CalibrationOptions options, Index records, Index budget, int seeds) {
  Tenths chosen, weight;
  for (int seed = 0; seed < seeds; ++seed) {
    const Exchangeable problem(records, static_cast<std::uint64_t>(seed + 1));
    options.max_records = budget;
    l0::SparseCalibrationWeights<Scalar> cal(records, options);
    cal.fit(problem.m, problem.targets);
    std::array<double, 10> records_in{}, weight_in{};
    const auto total = static_cast<double>(cal.weights().sum());
    for (const Index j : cal.active_records()) {
      const auto tenth = static_cast<std::size_t>(10 * j / records);
      records_in[tenth] += 1 / static_cast<double>(budget);
      weight_in[tenth] += static_cast<double>(cal.weights()(j)) / total;
    }
    chosen.add(records_in);
    weight.add(weight_in);
  }
  if (budget < records) CHECK(chosen.statistic() < chi_square_limit);
  CHECK(weight.statistic() < chi_square_limit);
}

std::vector<Index> shuffled(Index records, std::uint64_t seed) {
  std::vector<Index> order(static_cast<std::size_t>(records));
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(seed);
  std::shuffle(order.begin(), order.end(), rng);
  return order;
}

}  // namespace

TEMPLATE_TEST_CASE("Choice and weight over exchangeable records are uniform over the file", "", float, double) {
  check_uniform<TestType>({}, 10000, 500, 100);
}

TEST_CASE("They are uniform with a cap, by gradients, with all records kept") {
  check_uniform<double>({.max_weight_ratio = 40}, 2000, 100, 60);
  check_uniform<double>({.method = CalibrationMethod::gradient, .epochs = 60}, 2000, 100, 30);
  check_uniform<double>({.gates = GateMode::off}, 2000, 2000, 60);
}

TEMPLATE_TEST_CASE("A permuted file gives the permuted answer", "", float, double) {
  const l0::test::Survey<TestType> survey(4, 3, 30, 4, 0.02);
  const Index records = survey.m.cols();
  const std::vector<Index> order = shuffled(records, 3);
  Eigen::SparseMatrix<TestType> m(survey.m.rows(), records);
  std::vector<double> start, keep, permuted_keep;
  for (Index j = 0; j < records; ++j) keep.push_back(0.3 + 0.4 * static_cast<double>(j % 7) / 7);
  for (Index j = 0; j < records; ++j) {
    const Index from = order[static_cast<std::size_t>(j)];
    m.startVec(j);
    for (typename Eigen::SparseMatrix<TestType>::InnerIterator entry(survey.m, from); entry; ++entry) {
      m.insertBack(entry.row(), j) = entry.value();
    }
    start.push_back(survey.start[static_cast<std::size_t>(from)]);
    permuted_keep.push_back(keep[static_cast<std::size_t>(from)]);
  }
  m.finalize();
  const auto check = [&](const char* name, CalibrationOptions options, CalibrationLoss loss) {
    CAPTURE(name);
    options.initial_weights = survey.start;
    options.keep_probability = keep;
    options.log_weight_jitter = 0.1;
    l0::SparseCalibrationWeights<TestType> cal(records, options);
    const auto report = cal.fit(survey.m, survey.targets, {.loss = loss});
    options.initial_weights = start;
    options.keep_probability = permuted_keep;
    l0::SparseCalibrationWeights<TestType> permuted(records, options);
    const auto permuted_report = permuted.fit(Eigen::Matrix<TestType, -1, -1>(m), survey.targets, {.loss = loss});
    for (Index j = 0; j < records; ++j) {
      const Index from = order[static_cast<std::size_t>(j)];
      CHECK(permuted.weights()(j) == cal.weights()(from));
      CHECK(permuted.log_alpha()[static_cast<std::size_t>(j)] == cal.log_alpha()[static_cast<std::size_t>(from)]);
    }
    // The sums of the report are formed in the order of the file: N roundings of double.
    CHECK(permuted_report.predictions.isApprox(report.predictions, 1e-13));
  };
  check("budget", {.max_records = 60}, CalibrationLoss::relative);
  check("budget, capped", {.max_records = 60}, CalibrationLoss::capped);
  check("price", {.lambda_l0 = 1e-3}, CalibrationLoss::relative);
  check("all", {.gates = GateMode::off}, CalibrationLoss::relative);
  check("gradient", {.max_records = 60, .method = CalibrationMethod::gradient, .epochs = 50},
        CalibrationLoss::relative);
  check("sampled", {.max_records = 60, .gates = GateMode::sampled, .epochs = 50}, CalibrationLoss::capped);
}

TEST_CASE("Of twins any may be kept: none is preferred for its place, and their weights add up alike") {
  // 12 kinds of records, each many times: nothing but the number of a record tells it from its twins.
  Tenths chosen;
  for (int seed = 0; seed < 60; ++seed) {
    constexpr Index records = 1200;
    l0::Rng rng(static_cast<std::uint64_t>(seed));
    Eigen::MatrixXd m = Eigen::MatrixXd::Zero(5, records);
    for (Index j = 0; j < records; ++j) {
      const auto kind = static_cast<Index>(rng() % 12);
      m(kind % 3, j) = 1;
      m(3 + kind % 2, j) = 1 + static_cast<double>(kind / 6);
    }
    const Eigen::VectorXd targets = m.rowwise().sum();
    l0::SparseCalibrationWeights<double> cal(records, {.max_records = 100, .seed = static_cast<std::uint64_t>(seed)});
    cal.fit(m, targets);
    std::array<double, 10> part{};
    for (const Index j : cal.active_records()) part[static_cast<std::size_t>(10 * j / records)] += 0.01;
    chosen.add(part);
  }
  CHECK(chosen.statistic() < chi_square_limit);
}

}  // namespace tests::calibration::order
