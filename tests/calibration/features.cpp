// SPDX-License-Identifier: MIT
// Caps, concentration, total weight, aggregates, groups, jitter, diagnostics.
#include <algorithm>
#include <l0/calibration/calibration.hpp>

#include "calibration/problems.hpp"
#include "support/catch.hpp"

namespace tests::calibration::features {

namespace {

using l0::CalibrationLoss;
using l0::CalibrationMethod;
using l0::CalibrationOptions;
using l0::GateMode;
using l0::Index;
using l0::test::Survey;
using Calibration = l0::SparseCalibrationWeights<double>;

const Survey<double>& survey() {
  static const Survey<double> instance(4, 3, 30, 4);
  return instance;
}

constexpr CalibrationMethod methods[] = {CalibrationMethod::coordinate, CalibrationMethod::gradient};

double largest_ratio(const Calibration& cal) {
  double largest = 0;
  for (Index j = 0; j < cal.records(); ++j) {
    largest = std::max(largest, cal.weights()(j) / survey().start[static_cast<std::size_t>(j)]);
  }
  return largest;
}

}  // namespace

TEST_CASE("No weight passes its cap") {
  for (const CalibrationMethod method : methods) {
    for (const std::optional<Index> budget : {std::optional<Index>(), std::optional<Index>(150)}) {
      CAPTURE(static_cast<int>(method), budget.value_or(-1));
      const auto fitted = [&](double ratio) {
        Calibration cal(survey().m.cols(), {.max_records = budget,
                                            .initial_weights = survey().start,
                                            .gates = budget ? GateMode::noise_free : GateMode::off,
                                            .method = method,
                                            .max_weight_ratio = ratio});
        const auto report = cal.fit(survey().m, survey().targets);
        CHECK(report.weights.largest_ratio == Catch::Approx(largest_ratio(cal)));
        return largest_ratio(cal);
      };
      CHECK(fitted(0) > 2.5);
      CHECK(fitted(2.5) <= 2.5 * (1 + 1e-12));
    }
  }
}

TEST_CASE("The price of concentration spreads the weights") {
  double last = 0;
  for (const double price : {0.0, 1.0, 100.0}) {
    CAPTURE(price);
    Calibration cal(survey().m.cols(), {.max_records = 150, .initial_weights = survey().start, .concentration = price});
    const double effective = cal.fit(survey().m, survey().targets).weights.effective_sample_size;
    CHECK(effective > last);
    last = effective;
  }
}

TEST_CASE("The sum of the weights is held") {
  double sum = 0;
  for (const double w : survey().start) sum += w;
  for (const CalibrationMethod method : methods) {
    for (const double ratio : {0.0, 10.0}) {
      CAPTURE(static_cast<int>(method), ratio);
      Calibration cal(survey().m.cols(), {.max_records = 150,
                                          .initial_weights = survey().start,
                                          .method = method,
                                          .max_weight_ratio = ratio,
                                          .total_weight = 0.9 * sum});
      const auto report = cal.fit(survey().m, survey().targets);
      CHECK(report.records == 150);
      CHECK(cal.weights().sum() == Catch::Approx(0.9 * sum).epsilon(1e-9));
      if (ratio > 0) CHECK(largest_ratio(cal) <= ratio * (1 + 1e-12));
      CHECK(report.loss < report.loss_before);
    }
  }
}

TEST_CASE("An aggregate is worth the row that it replaces") {
  // Districts and states of one variable; the nation as an aggregate of the states and as a row of its own.
  const Survey<double> full(3, 4, 40, 1, 0.1);
  const Index districts = 12;
  const Index rows = full.m.rows() - 1;
  const Eigen::SparseMatrix<double> m = full.m.topRows(rows);
  std::vector<Index> states{districts, districts + 1, districts + 2};
  const double nation = full.targets(rows);
  for (const CalibrationLoss loss : {CalibrationLoss::relative, CalibrationLoss::capped}) {
    CAPTURE(static_cast<int>(loss));
    const auto fit = [&](const auto& matrix, const auto& targets, std::vector<l0::TargetAggregate> aggregates) {
      Calibration cal(matrix.cols(), {.gates = GateMode::off});
      const auto report = cal.fit(matrix, targets, {.loss = loss, .aggregates = std::move(aggregates)});
      return std::pair(report, Eigen::VectorXd(full.m * cal.weights()));
    };
    const auto [row_report, row_sums] = fit(full.m, full.targets, {});
    const auto [report, sums] = fit(m, full.targets.head(rows), {{.members = states, .target = nation}});
    CHECK(report.aggregate_errors.size() == 1);
    CHECK(report.aggregate_errors[0] == Catch::Approx((sums(rows) - nation) / nation).epsilon(1e-6).margin(1e-9));
    // One problem by two ways: the losses agree as far as the sweeps converge.
    CHECK(report.loss == Catch::Approx(row_report.loss).epsilon(0.01));
    const auto [loose_report, loose] = fit(m, full.targets.head(rows), {});
    CHECK(std::abs(sums(rows) - nation) <= std::abs(loose(rows) - nation));
  }
  // The target of an aggregate is the sum of its members' where none is given.
  Calibration cal(m.cols(), {.gates = GateMode::off, .method = CalibrationMethod::gradient});
  const auto report = cal.fit(m, full.targets.head(rows), {.aggregates = {{.members = {0, 1}}}});
  const double wanted = full.targets(0) + full.targets(1);
  const Eigen::VectorXd sums = m * cal.weights();
  CHECK(report.aggregate_errors[0] == Catch::Approx((sums(0) + sums(1) - wanted) / wanted).margin(1e-9));
}

TEST_CASE("Groups, multipliers and target weights steer where errors go") {
  const Survey<double> noisy(4, 3, 30, 4, 0.2);
  const auto nation_error = [&](l0::CalibrationTask task) {
    Calibration cal(noisy.m.cols(), {.max_records = 40, .initial_weights = noisy.start});
    const auto report = cal.fit(noisy.m, noisy.targets, task);
    double error = 0;
    for (Index j = 0; j < report.errors.size(); ++j) {
      if (noisy.level[static_cast<std::size_t>(j)] == 2) error += std::abs(report.errors(j));
    }
    return error;
  };
  const double plain = nation_error({});
  CHECK(nation_error({.target_groups = noisy.level}) < plain);
  CHECK(nation_error({.target_groups = noisy.level, .normalize_groups = false, .group_multipliers = {{2, 100.0}}}) <
        plain);
  std::vector<double> weights(noisy.level.size(), 1.0);
  for (std::size_t j = 0; j < weights.size(); ++j) weights[j] = noisy.level[j] == 2 ? 100 : 1;
  CHECK(nation_error({.target_weights = weights}) < plain);
  // Weight 0 leaves a target out, whatever it is.
  std::vector<double> without(noisy.level.size(), 1.0);
  without[0] = 0;
  Eigen::VectorXd absurd = noisy.targets;
  absurd(0) = 1e12;
  for (const CalibrationMethod method : methods) {
    const auto fit = [&](const Eigen::VectorXd& targets) {
      Calibration cal(noisy.m.cols(),
                      {.max_records = 40, .initial_weights = noisy.start, .method = method, .epochs = 100});
      cal.fit(noisy.m, targets, {.target_weights = without});
      return cal.active_records();
    };
    CHECK(fit(absurd) == fit(noisy.targets));
  }
}

TEST_CASE("The report adds up") {
  Calibration cal(survey().m.cols(), {.max_records = 100, .initial_weights = survey().start});
  const auto report =
      cal.fit(survey().m, survey().targets, {.loss = CalibrationLoss::capped, .target_groups = survey().level});
  CHECK(report.predictions.isApprox(survey().m * cal.weights(), 1e-12));
  CHECK(cal.predict(survey().m).isApprox(report.predictions, 1e-12));
  REQUIRE(report.groups.size() == 3);
  double loss = 0;
  Index targets = 0;
  for (const auto& group : report.groups) {
    loss += group.loss;
    targets += group.targets;
    CHECK(group.median <= group.largest);
    CHECK(group.mean <= group.largest);
  }
  CHECK(loss == Catch::Approx(report.loss));
  CHECK(targets == report.all.targets);
  // Each level counts a third in the capped loss, whose errors are all below the cap here.
  double mean = 0;
  for (const auto& group : report.groups) mean += group.mean / 3;
  CHECK(report.loss == Catch::Approx(mean));
  CHECK(report.all.largest == Catch::Approx(report.errors.cwiseAbs().maxCoeff()));
  CHECK(report.all.mean == Catch::Approx(report.errors.cwiseAbs().mean()));
  // Shares, in all and by level: what is counted, over how many there are.
  const auto size = static_cast<double>(report.errors.size());
  CHECK(report.all.within_5_percent ==
        Catch::Approx(static_cast<double>((report.errors.array().abs() <= 0.05).count()) / size));
  CHECK(report.all.within_5_percent > 0);
  double within = 0;
  for (const auto& group : report.groups) within += group.within_5_percent * static_cast<double>(group.targets);
  CHECK(within == Catch::Approx(report.all.within_5_percent * size));
  CHECK(report.converged());

  const Eigen::Vector4d weights(1, 0, 1, 2);
  const auto spread = l0::weight_diagnostics(weights);
  CHECK(spread.records == 3);
  CHECK(spread.sum == 4);
  CHECK(spread.smallest == 1);
  CHECK(spread.median == 1);
  CHECK(spread.largest == 2);
  CHECK(spread.effective_sample_size == Catch::Approx(16.0 / 6));
  CHECK(spread.design_effect == Catch::Approx(18.0 / 16));
  CHECK(spread.coefficient_of_variation == Catch::Approx(std::sqrt(spread.design_effect - 1)));
  CHECK(spread.top_percent_share == Catch::Approx(0.5));
  CHECK(l0::weight_diagnostics(Eigen::Vector2d(0, 0)).records == 0);
  CHECK(l0::weight_diagnostics(Eigen::Vector2d(0, 0)).effective_sample_size == 0);
  // The heaviest 1 % of 200 are 2, of 1 to 199 it is one.
  const Eigen::VectorXd rising = Eigen::VectorXd::LinSpaced(200, 1, 200);
  CHECK(l0::weight_diagnostics(rising).top_percent_share == Catch::Approx((199.0 + 200) / rising.sum()));
  CHECK(l0::weight_diagnostics(rising.head(199)).top_percent_share == Catch::Approx(199 / rising.head(199).sum()));
  CHECK(l0::weight_diagnostics(rising, std::vector<double>(200, 4.0)).largest_ratio == 50);
}

TEST_CASE("Keep probabilities and jitter are per record and seeded") {
  const Index n = survey().m.cols();
  std::vector<double> keep(static_cast<std::size_t>(n), 0.5);
  const Calibration plain(n, {.keep_probability = 0.5, .log_alpha_jitter = 0});
  for (const double a : plain.log_alpha()) CHECK(a == 0);
  Calibration moved(n, {.log_alpha_jitter = 0.1, .method = CalibrationMethod::gradient, .epochs = 1});
  moved.fit(survey().m, survey().targets);
  std::vector<double> places(moved.log_alpha().begin(), moved.log_alpha().end());
  std::sort(places.begin(), places.end());
  CHECK(std::adjacent_find(places.begin(), places.end()) == places.end());  // each has its own
  // Gates that start nearly shut are the first to go.
  for (std::size_t j = 0; j < keep.size(); ++j) keep[j] = j % 2 == 0 ? 0.999 : 0.001;
  Calibration cal(n, {.max_records = n / 4, .initial_weights = survey().start, .keep_probability = keep});
  cal.fit(survey().m, survey().targets);
  const auto even =
      std::count_if(cal.active_records().begin(), cal.active_records().end(), [](Index j) { return j % 2 == 0; });
  CHECK(even > n / 4 * 2 / 3);

  const auto jittered = [&](std::uint64_t seed) {
    Calibration shaken(
        n,
        {.lambda_l0 = 1e-3, .log_alpha_jitter = 0.1, .method = CalibrationMethod::gradient, .epochs = 2, .seed = seed});
    shaken.fit(survey().m, survey().targets);
    return shaken.log_alpha();
  };
  CHECK(jittered(1) == jittered(1));
  CHECK(jittered(1) != jittered(2));
  const auto weights = [&](std::uint64_t seed) {
    Calibration shaken(n,
                       {.max_records = 100, .initial_weights = survey().start, .log_weight_jitter = 0.5, .seed = seed});
    shaken.fit(survey().m, survey().targets);
    return Eigen::VectorXd(shaken.weights());
  };
  CHECK(weights(1) == weights(1));
  CHECK(weights(1) != weights(2));
}

TEST_CASE("L2 on weights makes them smaller") {
  for (const CalibrationMethod method : methods) {
    const auto squares = [&](double price) {
      Calibration cal(
          survey().m.cols(),
          {.initial_weights = survey().start, .gates = GateMode::off, .method = method, .lambda_l2 = price});
      cal.fit(survey().m, survey().targets);
      return cal.weights().squaredNorm();
    };
    CHECK(squares(1e-6) < squares(0));
  }
}

TEST_CASE("The objective of a sweep is its loss and the price of its records") {
  Index sweeps = 0;
  for (const std::optional<double> price : {std::optional<double>(), std::optional<double>(0.01)}) {
    CAPTURE(price.value_or(-1));
    CalibrationOptions options{.lambda_l0 = price, .initial_weights = survey().start, .epochs = 20, .refit_epochs = 5};
    if (!price) options.gates = GateMode::off;
    l0::CalibrationTask task;
    task.callback = [&](const l0::StepReport& report) {
      ++sweeps;
      CHECK(report.objective == Catch::Approx(report.loss + report.lambda * report.expected_l0));
      if (!price) CHECK(report.lambda == 0);
      if (price) CHECK(report.objective > report.loss);
    };
    Calibration(survey().m.cols(), options).fit(survey().m, survey().targets, task);
  }
  CHECK(sweeps > 20);
}

}  // namespace tests::calibration::features
