// SPDX-License-Identifier: MIT
// What a budget and a price choose, and how well it meets the targets.
#include <l0/calibration/calibration.hpp>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::selection {

namespace {

using l0::CalibrationLoss;
using l0::GateMode;
using l0::Index;
using l0::test::capped_error;
using l0::test::Survey;

std::vector<Index> random_records(Index records, Index count, std::uint64_t seed) {
  std::vector<Index> order(static_cast<std::size_t>(records));
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(seed);
  std::shuffle(order.begin(), order.end(), rng);
  order.resize(static_cast<std::size_t>(count));
  return order;
}

/// The capped error of some records after a dense calibration of their own.
template <class Scalar>
double refit_error(const Survey<Scalar>& survey, const std::vector<Index>& records) {
  std::vector<double> start(survey.start.size(), 0.0);
  const double share = static_cast<double>(start.size()) / static_cast<double>(records.size());
  for (const Index j : records) {
    start[static_cast<std::size_t>(j)] = share * survey.start[static_cast<std::size_t>(j)];
  }
  l0::SparseCalibrationWeights<Scalar> dense(survey.m.cols(), {.initial_weights = start, .gates = GateMode::off});
  dense.fit(survey.m, survey.targets, {.loss = CalibrationLoss::capped});
  return capped_error(survey.m, survey.targets, dense.weights());
}

}  // namespace

TEMPLATE_TEST_CASE("A budget is met exactly and beats a random sample of its size", "", float, double) {
  const Survey<TestType> survey;
  const Index records = survey.m.cols();
  for (const double share : {0.1, 0.2, 0.4}) {
    CAPTURE(share);
    const auto budget = static_cast<Index>(share * static_cast<double>(records));
    l0::SparseCalibrationWeights<TestType> cal(records, {.max_records = budget, .initial_weights = survey.start});
    const auto report = cal.fit(survey.m, survey.targets, {.loss = CalibrationLoss::relative});
    CHECK(report.records == budget);
    CHECK(static_cast<Index>(cal.active_records().size()) == budget);
    CHECK((cal.weights().array() > 0).count() == budget);
    CHECK(cal.weights().minCoeff() >= 0);
    const double chosen = refit_error(survey, cal.active_records());
    const double random = refit_error(survey, random_records(records, budget, 7));
    CHECK(chosen < 0.45 * random);
  }
}

TEST_CASE("Dense calibration meets targets that can be met") {
  const Survey<double> survey;
  for (const CalibrationLoss loss : {CalibrationLoss::squared, CalibrationLoss::relative, CalibrationLoss::capped}) {
    CAPTURE(static_cast<int>(loss));
    l0::SparseCalibrationWeights<double> cal(survey.m.cols(),
                                             {.initial_weights = survey.start, .gates = GateMode::off});
    const auto report = cal.fit(survey.m, survey.targets, {.loss = loss});
    CHECK(report.records == survey.m.cols());
    CHECK(report.loss < (loss == CalibrationLoss::capped ? 1e-2 : 1e-4) * report.loss_before);
  }
}

TEST_CASE("Contradicting targets: a sixth of the records does nearly as well as all") {
  const Survey<double> survey(6, 4, 60, 5, 0.05);
  l0::SparseCalibrationWeights<double> dense(survey.m.cols(),
                                             {.initial_weights = survey.start, .gates = GateMode::off});
  dense.fit(survey.m, survey.targets, {.loss = CalibrationLoss::capped});
  const auto budget = static_cast<Index>(0.17 * static_cast<double>(survey.m.cols()));
  l0::SparseCalibrationWeights<double> cal(survey.m.cols(), {.max_records = budget, .initial_weights = survey.start});
  cal.fit(survey.m, survey.targets, {.loss = CalibrationLoss::capped});
  CHECK(capped_error(survey.m, survey.targets, cal.weights()) <=
        1.1 * capped_error(survey.m, survey.targets, dense.weights()));
}

TEST_CASE("A higher price keeps fewer records, and each kept record is worth its price") {
  const Survey<double> survey;
  Index last = survey.m.cols() + 1;
  for (const double lambda : {1e-5, 1e-3, 1e-1}) {
    CAPTURE(lambda);
    l0::SparseCalibrationWeights<double> cal(survey.m.cols(), {.lambda_l0 = lambda, .initial_weights = survey.start});
    const auto report = cal.fit(survey.m, survey.targets);
    CHECK(report.records > 0);
    CHECK(report.records < last);
    CHECK(report.lambda == Catch::Approx(lambda));
    last = report.records;
  }
}

TEST_CASE("Weights found from all ones and far targets are as good") {
  const Survey<double> survey;
  l0::SparseCalibrationWeights<double> cal(survey.m.cols(), {.max_records = 200});
  const auto report = cal.fit(survey.m, survey.targets);
  CHECK(report.records == 200);
  CHECK(report.all.mean < 0.05);
}

TEST_CASE("Gradient training with drawn gates or without noise, then the same refit") {
  const Survey<float> survey;
  const double random = refit_error(survey, random_records(survey.m.cols(), 300, 7));
  for (const GateMode gates : {GateMode::noise_free, GateMode::sampled}) {
    CAPTURE(static_cast<int>(gates));
    l0::SparseCalibrationWeights<float> cal(survey.m.cols(), {.max_records = 300,
                                                              .initial_weights = survey.start,
                                                              .gates = gates,
                                                              .method = l0::CalibrationMethod::gradient});
    const auto report = cal.fit(survey.m, survey.targets);
    CHECK(report.records == 300);
    CHECK(refit_error(survey, cal.active_records()) < random);
  }
}

TEST_CASE("Records that are out do not delay the price of a budget by gradients") {
  const Survey<double> survey;
  std::vector<double> start = survey.start;
  for (std::size_t j = 0; j < start.size(); ++j) {
    if (j % 10 != 0) start[j] = 0;
  }
  const auto usable = static_cast<Index>((start.size() + 9) / 10);
  l0::SparseCalibrationWeights<double> cal(
      survey.m.cols(),
      {.max_records = usable / 2, .initial_weights = start, .method = l0::CalibrationMethod::gradient, .epochs = 300});
  Index first = 0;
  l0::CalibrationTask task;
  task.callback = [&](const l0::StepReport& report) {
    if (first == 0 && report.lambda > 0) first = report.step;
  };
  CHECK(cal.fit(survey.m, survey.targets, task).records == usable / 2);
  CHECK(first > 0);
  CHECK(first < 60);  // the target arrives at step 200 and is below what is open long before
}

}  // namespace tests::calibration::selection
