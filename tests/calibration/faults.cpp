// SPDX-License-Identifier: MIT
// What the optimum is, where it is known or can be told: totals, zero targets, few of few, caps that cannot be filled,
// and whether a run says truly that it has converged.
#include <l0/calibration/calibration.hpp>

#include <Eigen/Dense>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::faults {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::CalibrationLoss;
using l0::CalibrationOptions;
using l0::GateMode;
using l0::Index;
using Calibration = l0::SparseCalibrationWeights<double>;

Eigen::MatrixXd random_matrix(Index rows, Index columns, std::uint64_t seed) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd m(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) m(i, j) = std::exp(normal(rng));
  }
  return m;
}

}  // namespace

TEST_CASE("A target of 0 for a signed variable is met like others, in whatever unit") {
  for (const double unit : {1.0, 1e-6, 1e6}) {
    CAPTURE(unit);
    Eigen::MatrixXd m(2, 4);
    m << 1, 1, 1, 1, 500 * unit, -300 * unit, 800 * unit, -600 * unit;
    Calibration cal(4, {.initial_weights = 10, .gates = GateMode::off});
    const auto report = cal.fit(m, Eigen::Vector2d(40, 0));
    CHECK(report.predictions(0) == Catch::Approx(40).epsilon(1e-9));
    CHECK(std::abs(report.predictions(1)) < 1e-6 * unit);
    CHECK(report.stop == l0::StopReason::converged);
  }
  constexpr Index n = 200;
  l0::Rng rng(1);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd m(2, n);
  for (Index j = 0; j < n; ++j) m.col(j) << 1, 20000 * normal(rng);
  for (const std::optional<Index> budget : {std::optional<Index>(), std::optional<Index>(20)}) {
    Calibration cal(n, {.max_records = budget, .initial_weights = 10});
    cal.fit(m, Eigen::Vector2d(2500, 0));
    CHECK(cal.weights().sum() == Catch::Approx(2500).epsilon(1e-9));
    CHECK(std::abs(m.row(1).dot(cal.weights())) < 1e-3);
  }
}

TEST_CASE("The sum of the weights is held at the least loss") {
  const Eigen::MatrixXd m = random_matrix(30, 60, 2);
  l0::Rng rng(5);
  std::normal_distribution<double> normal;
  Eigen::VectorXd targets = m.rowwise().sum();
  for (Index i = 0; i < 30; ++i) targets(i) *= std::exp(0.3 * normal(rng));
  const double total = 1.3 * 60;
  Calibration cal(60, {.gates = GateMode::off, .total_weight = total});
  const auto report = cal.fit(m, targets, {.relative_scale = l0::RelativeScale::plus_one});
  CHECK(cal.weights().sum() == Catch::Approx(total).epsilon(1e-9));
  // At the optimum no weight can be moved from one record to another: slopes are equal where weights are free, and no
  // less where they are at their least.
  const Eigen::VectorXd residual = ((m * cal.weights() - targets).array() / (targets.array() + 1).square()).matrix();
  const Eigen::VectorXd slope = 2 * m.transpose() * residual;
  double price = 0;
  Index free = 0;
  for (Index j = 0; j < 60; ++j) {
    if (cal.weights()(j) > 1e-4) price += slope(j), ++free;
  }
  price /= static_cast<double>(free);
  for (Index j = 0; j < 60; ++j) {
    CAPTURE(j, cal.weights()(j));
    if (cal.weights()(j) > 1e-4) CHECK(slope(j) == Catch::Approx(price).margin(1e-6 * slope.cwiseAbs().maxCoeff()));
    if (cal.weights()(j) <= 1e-4) CHECK(slope(j) >= price - 1e-6 * slope.cwiseAbs().maxCoeff());
  }
  CHECK(report.stop == l0::StopReason::converged);
}

TEST_CASE("Sums that caps or least weights make impossible are refused") {
  const auto refuses = [](const CalibrationOptions& options, const char* message) {
    CHECK_THROWS_WITH(Calibration(100, options), ContainsSubstring(message));
  };
  refuses({.max_records = 10, .max_weight_ratio = 2, .total_weight = 100},
          "total_weight is 100, expected at most the sum of the capped weights of as many records as are kept, 20");
  refuses({.max_weight_ratio = 0.5, .total_weight = 100}, "50");
  refuses({.max_records = 10, .total_weight = 4, .min_weight_ratio = 0.5},
          "total_weight is 4, expected at least the sum of the least weights of as many records as are kept, 5");
  refuses({.max_weight_ratio = 2, .min_weight_ratio = 3},
          "min_weight_ratio is 3, expected at most max_weight_ratio, 2");
  CHECK_NOTHROW(Calibration(100, {.max_records = 10, .max_weight_ratio = 10, .total_weight = 100}));
  // A price cannot know how many records it keeps: what is missing is said.
  const Eigen::MatrixXd m = random_matrix(3, 100, 4);
  Calibration cal(100, {.lambda_l0 = 0.5, .max_weight_ratio = 1.2, .total_weight = 110});
  const auto report = cal.fit(m, Eigen::VectorXd(0.2 * m.rowwise().sum()));
  CHECK(report.total_missed == Catch::Approx(110 - cal.weights().sum()).margin(1e-9));
  if (std::abs(report.total_missed) > 1) {
    REQUIRE(!report.notes.empty());
    CHECK_THAT(report.notes.front(), ContainsSubstring("total_weight"));
  }
}

TEST_CASE("No weight of a record that is kept is below its least ratio") {
  const l0::test::Survey<double> survey(4, 3, 30, 4);
  for (const std::optional<Index> budget : {std::optional<Index>(), std::optional<Index>(150)}) {
    const auto smallest = [&](double ratio) {
      Calibration cal(survey.m.cols(),
                      {.max_records = budget, .initial_weights = survey.start, .min_weight_ratio = ratio});
      cal.fit(survey.m, survey.targets);
      double least = 1e300;
      for (const Index j : cal.active_records()) {
        least = std::min(least, cal.weights()(j) / survey.start[static_cast<std::size_t>(j)]);
      }
      return least;
    };
    CHECK(smallest(0) < 0.9);
    CHECK(smallest(0.9) >= 0.9 * (1 - 1e-12));
  }
}

TEST_CASE("Consistent targets of correlated records are met") {
  constexpr Index rows = 20, records = 200;
  Eigen::MatrixXd m = random_matrix(rows, records, 6);
  const Eigen::VectorXd common = random_matrix(rows, 1, 7).col(0);
  for (Index j = 0; j < records; ++j) m.col(j) = common + 0.02 * m.col(j);
  const Eigen::VectorXd targets = m * random_matrix(records, 1, 8).col(0);
  Calibration cal(records, {.gates = GateMode::off});
  const auto report = cal.fit(m, targets);
  CHECK(report.loss < 1e-18);
  CHECK(report.stop == l0::StopReason::converged);
}

TEST_CASE("A run that was cut short does not say that it has converged, and its gap tells") {
  const l0::test::Survey<double> survey(6, 4, 60, 5, 0.05);
  const auto fit = [&](Index passes) {
    Calibration cal(survey.m.cols(), {.initial_weights = survey.start, .gates = GateMode::off, .refit_epochs = passes});
    return cal.fit(survey.m, survey.targets);
  };
  const auto early = fit(2), late = fit(2000);
  CHECK(early.stop == l0::StopReason::completed);
  CHECK(early.gap > 0.01 * early.loss);
  CHECK(late.stop == l0::StopReason::converged);
  CHECK(late.gap < 1e-3 * late.loss);
  CHECK(late.loss <= early.loss);
  CHECK(early.loss - late.loss <=
        early.gap);  // convex: a bound on what could be gained by moves no larger than weights
}

TEST_CASE("The best 3 of 12 records are found") {
  // All 220 supports, their weights by all signs: what nothing can be better than.
  const auto best_loss = [](const Eigen::MatrixXd& a) {
    const auto value = [&](const std::vector<Index>& support) {
      double best = static_cast<double>(a.rows());
      for (int mask = 1; mask < 8; ++mask) {
        std::vector<Index> columns;
        for (int i = 0; i < 3; ++i) {
          if (mask >> i & 1) columns.push_back(support[static_cast<std::size_t>(i)]);
        }
        Eigen::MatrixXd b(a.rows(), static_cast<Index>(columns.size()));
        for (std::size_t i = 0; i < columns.size(); ++i) b.col(static_cast<Index>(i)) = a.col(columns[i]);
        const Eigen::VectorXd w = b.colPivHouseholderQr().solve(Eigen::VectorXd::Ones(a.rows()));
        if (w.minCoeff() >= 0) best = std::min(best, (b * w - Eigen::VectorXd::Ones(a.rows())).squaredNorm());
      }
      return best;
    };
    double best = 1e300;
    for (Index i = 0; i < 12; ++i) {
      for (Index j = i + 1; j < 12; ++j) {
        for (Index k = j + 1; k < 12; ++k) best = std::min(best, value({i, j, k}));
      }
    }
    return best;
  };
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    const Eigen::MatrixXd m = random_matrix(6, 12, seed);
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    Eigen::VectorXd targets = m.rowwise().sum();
    for (Index i = 0; i < 6; ++i) targets(i) *= 1 + 0.2 * normal(rng);
    Calibration cal(12, {.max_records = 3});
    cal.fit(m, targets);
    const Eigen::MatrixXd a = targets.cwiseInverse().asDiagonal() * m;
    // Records at their least weight of 1e-6 are as good as out.
    CHECK((a * cal.weights() - Eigen::VectorXd::Ones(6)).squaredNorm() <= best_loss(a) * (1 + 1e-4) + 1e-12);
  }
}

TEST_CASE("Sparse normal equations are those of dense algebra") {
  // Nested margins and one that crosses them: 40 cells in 8 groups in a whole, 12 others.
  constexpr Index rows = 61, records = 300;
  l0::detail::DualProblem problem;
  problem.rows = rows;
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(rows, records);
  l0::Rng rng(9);
  std::uniform_real_distribution<double> uniform;
  for (Index j = 0; j < records; ++j) {
    const auto cell = static_cast<Index>(40 * uniform(rng));
    for (const Index row : {Index{60}, cell, 48 + static_cast<Index>(12 * uniform(rng)), 40 + cell / 5}) {
      a(row, j) = uniform(rng) + 0.1;
      problem.row.push_back(static_cast<std::uint32_t>(row));
      problem.value.push_back(a(row, j));
    }
    problem.start.push_back(static_cast<Index>(problem.row.size()));
  }
  const Eigen::VectorXd slope = random_matrix(records, 1, 10).col(0), delta = 0.01 * random_matrix(rows, 1, 11).col(0);
  const Eigen::VectorXd b = random_matrix(rows, 1, 12).col(0);
  l0::detail::SparseNormalEquations<double> equations;
  REQUIRE(equations.analyse(problem, 1e6));
  CHECK_FALSE(l0::detail::SparseNormalEquations<double>().analyse(problem, 100));
  const Eigen::MatrixXd h = a * slope.asDiagonal() * a.transpose() + Eigen::MatrixXd(delta.asDiagonal());
  for (int twice = 0; twice < 2; ++twice) {
    REQUIRE(equations.factorise(problem, slope, delta));
    CHECK((h * equations.solve(b) - b).norm() < 1e-10 * b.norm());
  }
}

}  // namespace tests::calibration::faults
