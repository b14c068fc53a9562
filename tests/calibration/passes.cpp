// SPDX-License-Identifier: MIT
// Single passes: what a resumed run reports, and the records that a pass goes by.
#include <l0/calibration/calibration.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::passes {

namespace {

using l0::CalibrationLoss;
using l0::CalibrationMethod;
using l0::CalibrationOptions;
using l0::CalibrationState;
using l0::CalibrationTask;
using l0::GateMode;
using l0::Index;
using l0::test::Survey;

struct Report {
  std::string stage;
  Index step;
  double loss, objective, expected_l0, lambda;
  bool operator==(const Report&) const = default;
};

}  // namespace

TEST_CASE("A resumed run reports every pass as the run that was not stopped") {
  const Survey<double> survey(4, 3, 30, 3, 0.02);
  for (const CalibrationMethod method : {CalibrationMethod::coordinate, CalibrationMethod::gradient}) {
    for (const CalibrationLoss loss : {CalibrationLoss::relative, CalibrationLoss::capped}) {
      CAPTURE(static_cast<int>(method), static_cast<int>(loss));
      CalibrationOptions options{.max_records = 100, .initial_weights = survey.start};
      options.method = method;
      options.epochs = 30;
      options.refit_epochs = 20;
      options.lambda_l2 = 1e-7;
      options.concentration = 0.1;
      options.total_weight = 1e5;
      std::vector<CalibrationState> states;
      const auto reports_of = [&](const CalibrationState* state) {
        std::vector<Report> reports;
        CalibrationTask task{.loss = loss, .resume = state};
        task.callback = [&](const l0::StepReport& r) {
          reports.push_back({std::string(r.stage), r.step, r.loss, r.objective, r.expected_l0, r.lambda});
        };
        if (state == nullptr) {
          task.checkpoint_every = 7;
          task.checkpoint = [&](const CalibrationState& stored) { states.push_back(stored); };
        }
        l0::SparseCalibrationWeights<double> cal(survey.m.cols(), options);
        cal.fit(survey.m, survey.targets, task);
        return reports;
      };
      const auto whole = reports_of(nullptr);
      REQUIRE(states.size() >= 5);
      for (std::size_t k = 0; k < states.size(); ++k) {
        CAPTURE(k);
        const auto rest = reports_of(&states[k]);
        REQUIRE(rest.size() == whole.size() - 7 * (k + 1));
        for (std::size_t i = 0; i < rest.size(); ++i) {
          const bool same = rest[i] == whole[7 * (k + 1) + i];
          CAPTURE(rest[i].stage, rest[i].step, rest[i].loss, whole[7 * (k + 1) + i].loss);
          REQUIRE(same);
        }
      }
    }
  }
}

TEST_CASE("A pass without a look goes by the closed records, and their weights stay out of the sums") {
  const Survey<double> survey(2, 2, 12, 3, 0.05);
  const Index n = survey.m.cols();
  CalibrationOptions options{.initial_weights = survey.start};
  options.gates = GateMode::noise_free;
  for (const CalibrationLoss loss : {CalibrationLoss::squared, CalibrationLoss::relative}) {
    CAPTURE(static_cast<int>(loss));
    const l0::detail::CalibrationTerms terms(survey.targets, {.loss = loss});
    l0::detail::CompactMatrix<double> m(survey.m);
    m.scale_rows(terms.row_factors());
    l0::detail::ExpectedLoss<double> objective(m, terms, options, l0::detail::calibration_start(n, options));
    const auto is_closed = [](Index j) { return j % 3 == 0; };
    for (Index j = 0; j < n; ++j) objective.log_alpha[static_cast<std::size_t>(j)] = is_closed(j) ? -8.5 : 0.5;
    objective.forward(0);
    const double with_closed = objective.backward();
    Eigen::VectorXd slope(n);
    const auto pass = [&](bool look) {
      objective.pass(0, look, 0.0, [&](Index first, const double* by_log_weight, const double*) {
        for (Index j = first; j < std::min<Index>(first + l0::detail::noise_block, n); ++j)
          slope(j) = by_log_weight[j - first];
      });
    };
    pass(true);
    const auto is_empty = [&](Index j) { return survey.m.col(j).nonZeros() == 0; };
    for (Index j = 0; j < n; ++j) CHECK((slope(j) == 0) == is_empty(j));
    objective.forward(0);
    objective.backward();
    pass(false);
    for (Index j = 0; j < n; ++j) CHECK((slope(j) == 0) == (is_closed(j) || is_empty(j)));
    // Their gates are open with probability below 1e-3: little is missing, but not nothing.
    const double without = objective.backward();
    CHECK(without != with_closed);
    CHECK(without == Approx(with_closed).epsilon(1e-2));
  }
}

}  // namespace tests::calibration::passes
