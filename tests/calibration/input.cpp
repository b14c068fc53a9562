// SPDX-License-Identifier: MIT
// What is refused, and the rules for odd but possible input.
#include <l0/calibration/calibration.hpp>

#include <limits>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::input {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::CalibrationLoss;
using l0::CalibrationOptions;
using l0::CalibrationTask;
using l0::GateMode;
using l0::Index;
using Calibration = l0::SparseCalibrationWeights<double>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Three targets, four records.
Eigen::SparseMatrix<double> small() {
  Eigen::MatrixXd m(3, 4);
  m << 1, 0, 2, 1, 0, 3, 1, 0, 2, 2, 0, 1;
  return m.sparseView();
}
const Eigen::Vector3d targets(8, 9, 7);

void refuses_options(const CalibrationOptions& options, const char* message) {
  CHECK_THROWS_WITH(Calibration(4, options), ContainsSubstring(message));
}

template <class T>
void refuses_task(const Eigen::MatrixBase<T>& t, const CalibrationTask& task, const char* message) {
  Calibration cal(4, {.max_records = 2});
  cal.fit(small(), targets);
  const Eigen::VectorXd before = cal.weights();
  CHECK_THROWS_WITH(cal.fit(small(), t, task), ContainsSubstring(message));
  CHECK(cal.weights() == before);
}

}  // namespace

TEST_CASE("Options outside their ranges are refused by name") {
  CHECK_THROWS_WITH(Calibration(-1), ContainsSubstring("n_records"));
  refuses_options({.lambda_l0 = -1.0}, "lambda_l0");
  refuses_options({.lambda_l0 = not_a_number}, "lambda_l0");
  refuses_options({.lambda_l0 = 1.0, .max_records = 2}, "one of the two");
  refuses_options({.max_records = 5}, "max_records is 5, expected a number from 1 to the 4 records");
  refuses_options({.max_records = 0}, "max_records");
  refuses_options({.max_records = 4, .initial_weights = {1, 1, 0, 1}}, "from 1 to the 3 records");
  refuses_options({.initial_weights = {1, 2, 3}}, "initial_weights");
  refuses_options({.initial_weights = {1, 2, 3, -4}}, "initial weight");
  refuses_options({.initial_weights = {1, 2, 3, infinity}}, "initial weight");
  refuses_options({.keep_probability = {0.5, 0.5}}, "keep_probability");
  refuses_options({.keep_probability = {1}}, "keep_probability");
  refuses_options({.log_weight_jitter = -1}, "log_weight_jitter");
  refuses_options({.log_alpha_jitter = not_a_number}, "log_alpha_jitter");
  refuses_options({.epochs = -1}, "epochs");
  refuses_options({.learning_rate = 0}, "learning_rate");
  refuses_options({.learning_rate = infinity}, "learning_rate");
  refuses_options({.gate_learning_rate = 0}, "gate_learning_rate");
  refuses_options({.gate_learning_rate = not_a_number}, "gate_learning_rate");
  refuses_options({.temperature = 0}, "temperature");
  refuses_options({.gamma = 0.1}, "gamma");
  refuses_options({.zeta = 1}, "zeta");
  refuses_options({.lambda_l2 = -1}, "lambda_l2");
  refuses_options({.max_weight_ratio = -1}, "max_weight_ratio");
  refuses_options({.concentration = not_a_number}, "concentration");
  refuses_options({.total_weight = 0.0}, "total_weight");
  refuses_options({.max_weight_ratio = 2, .total_weight = 9.0}, "total_weight is 9, expected at most");
  refuses_options({.refit_epochs = -1}, "refit_epochs");
  refuses_options({.threads = 0}, "threads");
  // What stands on the border is taken.
  CHECK_NOTHROW(Calibration(4, {.lambda_l0 = 0.0, .epochs = 0, .refit_epochs = 0, .threads = 1}));
  CHECK_NOTHROW(Calibration(4, {.max_records = 4, .max_weight_ratio = 2, .total_weight = 8.0}));
  CHECK_NOTHROW(Calibration(0));
}

TEST_CASE("Tasks that make no sense are refused by name, and the weights stay") {
  using V = Eigen::Vector3d;
  refuses_task(Eigen::Vector2d(1, 2), {}, "targets is 2x1");
  refuses_task(V(1, not_a_number, 2), {}, "targets(1) is nan");
  refuses_task(V(1, infinity, 2), {.loss = CalibrationLoss::capped}, "targets(1)");
  refuses_task(V(1, 2, -1), {.relative_scale = l0::RelativeScale::plus_one},
               "targets(2) is -1, expected a target >= 0 or <= -2");
  refuses_task(V(1, 2, -0.5), {.relative_scale = l0::RelativeScale::plus_one}, "targets(2)");
  refuses_task(targets, {.target_groups = {0, 1}}, "target_groups is 2 entries, expected 3");
  refuses_task(targets, {.group_multipliers = {{0, 1.0}}}, "group_multipliers");
  refuses_task(targets, {.target_groups = {0, 1, 1}, .group_multipliers = {{7, 1.0}}}, "group 7");
  refuses_task(targets, {.target_groups = {0, 1, 1}, .group_multipliers = {{1, -1.0}}}, "multiplier");
  refuses_task(targets, {.target_weights = {1}}, "target_weights");
  refuses_task(targets, {.target_weights = {1, 1, -1}}, "target weight");
  refuses_task(targets, {.cap = 0}, "cap");
  refuses_task(targets, {.aggregates = {{.members = {0, 3}}}}, "member of an aggregate");
  refuses_task(targets, {.aggregates = {{.members = {0, 0}}}}, "each target once");
  refuses_task(targets, {.aggregates = {{.members = {0, 1}, .target = not_a_number}}}, "target of an aggregate");
  refuses_task(targets, {.aggregates = {{.members = {0, 1}, .target = {}, .weight = -1}}}, "weight of an aggregate");
  refuses_task(targets, {.checkpoint_every = -1}, "checkpoint_every");

  Calibration cal(4);
  Eigen::SparseMatrix<double> broken = small();
  broken.coeffRef(1, 2) = not_a_number;
  CHECK_THROWS_WITH(cal.fit(broken, targets), ContainsSubstring("M(1, 2) is nan"));
  CHECK_THROWS_WITH(cal.fit(Eigen::SparseMatrix<double>(3, 5), targets), ContainsSubstring("M is 3x5, expected 3x4"));
  CHECK_THROWS_WITH(cal.predict(Eigen::MatrixXd::Ones(2, 3)), ContainsSubstring("M is 2x3"));
  CHECK_FALSE(cal.is_fitted());
}

TEST_CASE("Negative targets where a loss can take them") {
  for (const CalibrationLoss loss : {CalibrationLoss::squared, CalibrationLoss::relative, CalibrationLoss::capped}) {
    CAPTURE(static_cast<int>(loss));
    Eigen::SparseMatrix<double> m = small();
    m = -1 * m;
    Calibration cal(4, {.gates = GateMode::off});
    const auto report = cal.fit(m, -targets, {.loss = loss});
    CHECK(report.all.largest < 0.05);
  }
}

TEST_CASE("A target that no record reaches is named; nothing becomes NaN") {
  Eigen::SparseMatrix<double> m = small();
  m.conservativeResize(5, 4);
  Eigen::VectorXd t(5);
  t << targets, 100, 0;  // the last can be met: 0 of nothing
  for (const CalibrationLoss loss : {CalibrationLoss::relative, CalibrationLoss::capped}) {
    for (const l0::CalibrationMethod method : {l0::CalibrationMethod::coordinate, l0::CalibrationMethod::gradient}) {
      Calibration cal(4, {.max_records = 3, .method = method});
      const auto report = cal.fit(m, t, {.loss = loss});
      CHECK(report.unreachable == std::vector<Index>{3});
      CHECK(report.notes.size() == 1);
      CHECK(report.records == 3);
      CHECK(cal.weights().allFinite());
      CHECK(report.predictions.allFinite());
      CHECK(report.errors(3) == -1);
      CHECK(std::isfinite(report.loss));
    }
  }
}

TEST_CASE("A record without entries goes first, and stays as it is where nothing is chosen") {
  Eigen::MatrixXd dense = small();
  dense.col(2).setZero();
  for (Index j = 0; j < 4; ++j) {  // whichever it is, it is named; what the others reach is not
    Eigen::MatrixXd without = small();
    without.col(j).setZero();
    const auto report = Calibration(4, {.max_records = 3}).fit(without, targets);
    CHECK(report.empty_records == std::vector<Index>{j});
    CHECK(report.unreachable.empty());
  }
  const Eigen::SparseMatrix<double> m = dense.sparseView();
  Calibration chosen(4, {.max_records = 3});
  CHECK(chosen.fit(m, targets, {.target_groups = Eigen::Vector3i(4, 4, 7)}).empty_records == std::vector<Index>{2});
  CHECK(chosen.active_records() == std::vector<Index>{0, 1, 3});
  Calibration all(4, {.max_records = 4});
  CHECK(all.fit(m, targets).records == 4);
  Calibration priced(4, {.lambda_l0 = 1e-9});
  priced.fit(m, targets);
  CHECK(priced.weights()(2) == 0);
  Calibration off(4, {.gates = GateMode::off});
  off.fit(m, targets);
  CHECK(off.weights()(2) > 0);
}

TEST_CASE("Duplicate entries are summed, explicit zeros ignored, either storage order and dense M alike") {
  const Eigen::SparseMatrix<double> m = small();
  Calibration expected(4, {.max_records = 2});
  expected.fit(m, targets);

  // By hand, since Eigen sums duplicates itself: record 2 has its entry for target 0 in two parts, and a zero.
  const int start[] = {0, 2, 4, 8, 10};
  const int rows[] = {0, 2, 1, 2, 0, 1, 0, 2, 0, 2};
  const double values[] = {1, 2, 3, 2, 1.5, 1, 0.5, 0, 1, 1};
  const Eigen::Map<const Eigen::SparseMatrix<double>> parts(3, 4, 10, start, rows, values);
  const Eigen::SparseMatrix<double, Eigen::RowMajor> by_rows = m;
  const Eigen::SparseMatrix<float> single = m.cast<float>();
  Eigen::SparseMatrix<double> loose = m;
  loose.uncompress();
  const auto check = [&](const auto& any) {
    Calibration cal(4, {.max_records = 2});
    cal.fit(any, targets);
    CHECK(cal.weights() == expected.weights());
    CHECK(cal.predict(any).isApprox(expected.predict(m), 1e-14));
    cal.fit(any, targets.array());
    CHECK(cal.weights() == expected.weights());
  };
  check(parts);
  check(by_rows);
  check(single);
  check(loose);
  check(Eigen::MatrixXd(m));
  check(Eigen::ArrayXXd(Eigen::MatrixXd(m)));
  check(2 * by_rows / 2);
}

TEST_CASE("A record with starting weight 0 is out") {
  for (const l0::CalibrationMethod method : {l0::CalibrationMethod::coordinate, l0::CalibrationMethod::gradient}) {
    Calibration cal(4, {.max_records = 3, .initial_weights = {1, 0, 2, 1}, .method = method});
    cal.fit(small(), targets);
    CHECK(cal.active_records() == std::vector<Index>{0, 2, 3});
  }
}

TEST_CASE("Nothing to match, nobody to choose from, one of each") {
  Calibration none(0);
  CHECK(none.fit(Eigen::SparseMatrix<double>(2, 0), Eigen::Vector2d(1, 2)).records == 0);
  CHECK(none.sparsity() == 0);
  Calibration free(3, {.max_records = 2});
  CHECK(free.fit(Eigen::SparseMatrix<double>(0, 3), Eigen::VectorXd(0)).records == 2);
  Calibration one(1, {.max_records = 1});
  Eigen::MatrixXd m(1, 1);
  m << 4;
  CHECK(one.fit(m, Eigen::VectorXd::Constant(1, 10)).all.largest < 1e-6);
  CHECK(one.weights()(0) == Catch::Approx(2.5));
  for (const GateMode gates : {GateMode::sampled, GateMode::noise_free, GateMode::off}) {
    Calibration small_one(1, {.gates = gates, .method = l0::CalibrationMethod::gradient});
    CHECK(small_one.fit(m, Eigen::VectorXd::Constant(1, 10)).all.largest < 1e-4);
  }
}

TEST_CASE("Before a fit the weights are those of the start") {
  const Calibration cal(3, {.initial_weights = {1, 0, 2}});
  CHECK(cal.weights() == Eigen::Vector3d(1, 0, 2));
  CHECK(cal.active_records() == std::vector<Index>{0, 2});
  CHECK(cal.sparsity() == Catch::Approx(1.0 / 3));
  // And so are its predictions, dense and sparse, of weights of 1 too.
  const Eigen::MatrixXd dense = Eigen::MatrixXd(small()).leftCols(3);
  CHECK(cal.predict(dense) == Eigen::VectorXd(dense * Eigen::Vector3d(1, 0, 2)));
  CHECK(cal.predict(Eigen::SparseMatrix<double>(dense.sparseView())) == cal.predict(dense));
}

TEST_CASE("More targets than 16 bits count") {
  const Index rows = (Index{1} << 16) + 7;
  Eigen::SparseMatrix<double> m(rows, 2);
  m.insert(rows - 1, 0) = 1;
  m.insert(3, 1) = 1;
  Eigen::VectorXd t = Eigen::VectorXd::Zero(rows);
  t(rows - 1) = 3;
  t(3) = 2;
  Calibration cal(2, {.gates = GateMode::off});
  CHECK(cal.fit(m, t).unreachable.empty());
  CHECK(cal.weights()(0) == Catch::Approx(3));
  CHECK(cal.weights()(1) == Catch::Approx(2));
}

}  // namespace tests::calibration::input
