// SPDX-License-Identifier: MIT
// The noise-free objective: its gradients against differences, its value against draws.
#include <random>

#include <l0/calibration/calibration.hpp>

#include "calibration/problems.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::calibration::expectation {

namespace {

using l0::CalibrationLoss;
using l0::CalibrationOptions;
using l0::CalibrationTask;
using l0::GateMode;
using l0::Index;
using l0::test::close;
using l0::test::Survey;
using Objective = l0::detail::ExpectedLoss<double>;

/// The objective of a small survey, at parameters off its start.
struct Setting {
  Survey<double> survey{2, 2, 12, 3, 0.05};
  CalibrationOptions options;
  CalibrationTask task;
  double price = 0.03;
  Eigen::VectorXd at;  // θ, then log α

  Setting(CalibrationLoss loss, GateMode gates) {
    // A target of 0 has the scale 1: beside the sums, some 1e5 of its scales away, differences would be rounding.
    survey.targets = survey.targets.cwiseMax(1000.0);
    options.gates = gates;
    options.initial_weights = survey.start;
    task.loss = loss;
    const Index n = survey.m.cols();
    at.resize(2 * n);
    l0::Rng rng(3);
    std::normal_distribution<double> normal;
    for (Index j = 0; j < n; ++j) {
      at(j) = std::log(survey.start[static_cast<std::size_t>(j)]) + 0.3 * normal(rng);
      at(n + j) = 0.7 * normal(rng);
    }
  }

  /// Calls use(objective) with θ and log α set from x.
  template <class Use>
  void with_objective(const Eigen::VectorXd& x, Use&& use) const {
    const Index n = survey.m.cols();
    const l0::detail::CalibrationTerms terms(survey.targets, task);
    l0::detail::CompactMatrix<double> m(survey.m);
    m.scale_rows(terms.row_factors());
    Objective objective(m, terms, options, l0::detail::calibration_start(n, options));
    std::copy(x.begin(), x.begin() + n, objective.log_weight.begin());
    std::copy(x.begin() + n, x.end(), objective.log_alpha.begin());
    use(objective);
  }

  double value(const Eigen::VectorXd& x) const {
    double result = 0;
    with_objective(x, [&](Objective& objective) {
      objective.forward(0);
      result = objective.backward();
      if (options.gates != GateMode::off) result += price * objective.expected_open();
    });
    return result;
  }

  Eigen::VectorXd gradient(const Eigen::VectorXd& x) const {
    const Index n = survey.m.cols();
    Eigen::VectorXd result(2 * n);
    with_objective(x, [&](Objective& objective) {
      objective.forward(0);
      objective.backward();
      objective.pass(0, true, price, [&](Index first, const double* by_weight, const double* by_alpha) {
        for (Index k = first; k < std::min<Index>(first + 64, n); ++k) {
          result(k) = by_weight[k - first];
          result(n + k) = by_alpha[k - first];
        }
      });
    });
    return result;
  }
};

void check_gradient(const Setting& setting) {
  const Eigen::VectorXd analytic = setting.gradient(setting.at);
  // A short step and a formula of high order: where few records make up a sum, the expected capped loss bends sharply.
  const Eigen::VectorXd numerical = l0::test::numerical_gradient(
      [&](const Eigen::VectorXd& x) { return setting.value(x); }, setting.at, 1e-4, l0::test::Stencil::five_point);
  CHECK(close(analytic, numerical, l0::test::tolerance::gradient(numerical)));
}

}  // namespace

TEST_CASE("Gradients of the objective, for every loss and gate mode") {
  for (const GateMode gates : {GateMode::noise_free, GateMode::sampled, GateMode::off}) {
    for (const CalibrationLoss loss : {CalibrationLoss::squared, CalibrationLoss::relative, CalibrationLoss::capped}) {
      // The capped loss of given weights has kinks: a target within a step of one would spoil the difference. None is.
      CAPTURE(static_cast<int>(gates), static_cast<int>(loss));
      check_gradient(Setting(loss, gates));
    }
  }
}

TEST_CASE("Gradients with everything that the objective may have in it") {
  for (const CalibrationLoss loss : {CalibrationLoss::relative, CalibrationLoss::capped}) {
    CAPTURE(static_cast<int>(loss));
    Setting setting(loss, GateMode::noise_free);
    setting.options.lambda_l2 = 1e-7;
    setting.options.concentration = 0.1;
    setting.options.total_weight = 5000.0;
    setting.options.temperature = 0.4;
    setting.task.target_groups = setting.survey.level;
    setting.task.group_multipliers = {{1, 0.5}, {2, 3.0}};
    setting.task.aggregates = {{.members = {0, 1}, .target = {}, .weight = 0.7},
                               {.members = {0, 1, 2, 3, 8}, .target = {}, .weight = 2}};
    check_gradient(setting);
  }
}

TEST_CASE("The expectation of squares is that over draws") {
  // Mean over 20 000 draws against the closed form: within 5 standard errors, of which one is about 0.5 % here.
  Setting setting(CalibrationLoss::relative, GateMode::noise_free);
  setting.task.aggregates = {{.members = {0, 1}, .target = {}, .weight = 2}};
  const double closed = setting.value(setting.at);
  setting.options.gates = GateMode::sampled;
  constexpr int draws = 20000;
  double sum = 0;
  double squares = 0;
  setting.with_objective(setting.at, [&](Objective& objective) {
    for (int draw = 0; draw < draws; ++draw) {
      objective.forward(draw);
      const double value = objective.backward() + setting.price * objective.expected_open();
      sum += value;
      squares += value * value;
    }
  });
  const double mean = sum / draws;
  const double error = std::sqrt((squares / draws - mean * mean) / draws);
  CAPTURE(closed, mean, error);
  CHECK(error < 0.01 * closed);
  CHECK(std::abs(mean - closed) < 5 * error);
}

TEST_CASE("The capped loss in expectation is near that over draws, and its parts are derivatives") {
  Setting setting(CalibrationLoss::capped, GateMode::noise_free);
  const double closed = setting.value(setting.at);
  setting.options.gates = GateMode::sampled;
  constexpr int draws = 20000;
  double sum = 0;
  setting.with_objective(setting.at, [&](Objective& objective) {
    for (int draw = 0; draw < draws; ++draw) {
      objective.forward(draw);
      sum += objective.backward() + setting.price * objective.expected_open();
    }
  });
  // Sums of a few records are not normal: the closure is approximate, here by some percent.
  CHECK(closed == Catch::Approx(sum / draws).epsilon(0.05));

  for (const double s : {0.05, 0.4, 2.0}) {
    for (const double m : {-1.4, -0.3, 0.0, 0.6, 1.1}) {
      CAPTURE(s, m);
      const double step = 1e-5;
      const auto at = [](double mean, double variance) {
        return l0::detail::expected_capped(mean, std::sqrt(variance), 1).value;
      };
      const auto moments = l0::detail::expected_capped(m, s, 1);
      // Central differences with step h err by h² times the third derivative, at most 1e-10/s⁴, and by rounding 1e-11.
      CHECK(std::abs(moments.slope - (at(m + step, s * s) - at(m - step, s * s)) / (2 * step)) < 1e-6);
      const double by_variance = (at(m, s * s + step * s) - at(m, s * s - step * s)) / (2 * step * s);
      CHECK(std::abs(moments.curvature - by_variance) < 1e-5 * std::max(1.0, std::abs(by_variance)));
    }
  }
  const auto certain = l0::detail::expected_capped(-0.25, 0, 1);
  CHECK(certain.value == 0.25);
  CHECK(certain.slope == -1);
}

TEST_CASE("What a record's gate is worth does not depend on its place") {
  // Records come in blocks of gates; alike ones stand in every lane of one and in the rest of the next.
  const Index n = 2 * l0::detail::noise_block + 3;
  for (const GateMode gates : {GateMode::noise_free, GateMode::off}) {
    CAPTURE(static_cast<int>(gates));
    Setting setting(CalibrationLoss::relative, gates);
    Eigen::MatrixXd m(2, n);
    m.row(0).setConstant(3);
    m.row(1).setConstant(1);
    setting.survey.m = m.sparseView();
    setting.survey.targets = Eigen::Vector2d(2000, 900);
    setting.options.initial_weights = std::vector<double>(static_cast<std::size_t>(n), 20.0);
    setting.at.resize(2 * n);
    setting.at.head(n).setConstant(std::log(20.0));
    for (const double log_alpha : {-0.6, 0.9}) {
      CAPTURE(log_alpha);
      setting.at.tail(n).setConstant(log_alpha);
      const Eigen::VectorXd gradient = setting.gradient(setting.at);
      CHECK(gradient.head(n).isConstant(gradient(0), 1e-15 * std::abs(gradient(0))));
      CHECK(gradient.tail(n).isConstant(gradient(n), 1e-15 * std::abs(gradient(n))));
      CHECK(gradient(0) != 0);
      check_gradient(setting);
    }
  }
}

}  // namespace tests::calibration::expectation
