// SPDX-License-Identifier: MIT
// What callbacks hear of the fits of estimators, and what is left where they stop one.
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/regularization_path.hpp>
#include "support/catch.hpp"
#include "support/fixed_numbers.hpp"

namespace tests::regression::callbacks {

namespace {

using l0::Flow;
using l0::Index;
using l0::StepReport;

constexpr Index samples = 60;
constexpr Index features = 12;
constexpr Index true_features = 6;

struct Data {
  l0::Matrix<double> x = l0::test::fixed_numbers(samples, features, 1);
  l0::Vector<double> y;
  l0::Vector<double> labels;

  Data() {
    const l0::Vector<double> noise = l0::test::fixed_numbers(samples, 1, 2);
    l0::Vector<double> w = l0::Vector<double>::Zero(features);
    for (Index j = 0; j < true_features; ++j) w(2 * j) = 1.0 + 0.25 * static_cast<double>(j);
    y = x * w + noise;
    labels = (y.array() + 2 * noise.array() > 0).cast<double>();
  }
};

/// Takes reports down and stops at one step of one stage.
struct Listener {
  std::vector<StepReport> heard{};
  std::string stop_stage{};
  Index stop_step = 0;

  Flow operator()(const StepReport& report) {
    heard.push_back(report);
    return report.stage == stop_stage && report.step == stop_step ? Flow::stop : Flow::proceed;
  }
  std::vector<StepReport> stage(std::string_view name) const {
    std::vector<StepReport> result;
    for (const StepReport& report : heard) {
      if (report.stage == name) result.push_back(report);
    }
    return result;
  }
};

/// Steps count 1, 2, ... and the last one is the last.
void check_counted(const std::vector<StepReport>& stage) {
  REQUIRE(!stage.empty());
  for (std::size_t k = 0; k < stage.size(); ++k) CHECK(stage[k].step == static_cast<Index>(k) + 1);
  CHECK(stage.back().step == stage.back().steps);
}

template <class Model>
Model fitted(l0::RegressionOptions options, Listener& listener, const l0::Matrix<double>& x,
             const l0::Vector<double>& y) {
  options.callback = std::ref(listener);
  Model model(options);
  model.fit(x, y);
  return model;
}

using Linear = l0::LinearRegression<double>;
using Logistic = l0::LogisticRegression<double>;

template <class Model>
void check_path(const l0::Matrix<double>& x, const l0::Vector<double>& y, double scale) {
  Listener listener;
  const auto heard = fitted<Model>({.max_features = 5}, listener, x, y);
  Model alone({.max_features = 5});
  alone.fit(x, y);
  CHECK(heard.coefficients() == alone.coefficients());
  CHECK(heard.report().stop == l0::StopReason::converged);
  for (const char* stage : {"forward", "backward", "chains"}) {
    INFO(stage);
    check_counted(listener.stage(stage));
  }
  const auto forward = listener.stage("forward");
  for (std::size_t k = 0; k < forward.size(); ++k) CHECK(forward[k].expected_l0 == static_cast<double>(k + 1));
  CHECK(forward.size() == 10);  // five beyond the budget
  const auto backward = listener.stage("backward");
  for (std::size_t k = 0; k < backward.size(); ++k) CHECK(backward[k].expected_l0 == static_cast<double>(9 - k));
  for (std::size_t k = 1; k < forward.size(); ++k) CHECK(forward[k].loss <= forward[k - 1].loss);
  // The loss told at the end is that of the report; the searches and the refit compute it in different ways.
  CHECK(listener.stage("chains").back().loss == Approx(heard.report().loss).epsilon(scale));
  for (std::size_t k = 1; k < listener.heard.size(); ++k) {
    CHECK(listener.heard[k].seconds >= listener.heard[k - 1].seconds);
  }
}

template <class Model>
void check_stops(const l0::Matrix<double>& x, const l0::Vector<double>& y) {
  Listener early{.stop_stage = "forward", .stop_step = 3};
  const auto short_of_budget = fitted<Model>({.max_features = 5}, early, x, y);
  CHECK(early.heard.size() == 3);
  CHECK(short_of_budget.report().stop == l0::StopReason::callback);
  CHECK_FALSE(short_of_budget.report().converged());
  CHECK(short_of_budget.selected_features().size() == 3);

  Listener by_criterion{.stop_stage = "forward", .stop_step = 2};
  const auto small = fitted<Model>({}, by_criterion, x, y);
  CHECK(by_criterion.heard.size() == 2);
  CHECK(small.selected_features().size() == 2);

  Listener late{.stop_stage = "backward", .stop_step = 1};
  const auto all_sizes = fitted<Model>({.lambda_l0 = 1e-3}, late, x, y);
  CHECK(late.heard.back().stage == "backward");
  CHECK(all_sizes.report().stop == l0::StopReason::callback);
  CHECK(all_sizes.report().size >= true_features);
}

}  // namespace

TEST_CASE("A regression reports its path size by size", "[models]") {
  const Data data;
  check_path<Linear>(data.x, data.y, 1e-9);
  check_path<Logistic>(data.x, data.labels, 1e-6);
}

TEST_CASE("A regression that is stopped has the best found until then", "[models]") {
  const Data data;
  check_stops<Linear>(data.x, data.y);
  check_stops<Logistic>(data.x, data.labels);
}

TEST_CASE("Folds report each once, whatever the threads", "[models]") {
  const Data data;
  const int threads = GENERATE(1, 3);
  CAPTURE(threads);
  Listener listener;
  const auto model =
      fitted<Linear>({.folds = 5, .threads = threads, .l2_candidates = {0, 0.1}}, listener, data.x, data.y);
  check_counted(listener.stage("folds"));
  CHECK(listener.stage("folds").size() == 10);
  for (const StepReport& fold : listener.stage("folds")) CHECK(fold.loss > 0);
  Linear alone({.folds = 5, .l2_candidates = {0, 0.1}});
  alone.fit(data.x, data.y);
  CHECK(model.coefficients() == alone.coefficients());
}

TEST_CASE("Folds on several threads report in order, and not after a stop", "[models]") {
  const Data data;
  for (const Index stop_step : {Index{0}, Index{3}, Index{12}}) {
    CAPTURE(stop_step);
    std::vector<Index> steps;
    Linear model({.folds = 12, .threads = 4, .callback = [&](const StepReport& report) {
                    if (report.stage != "folds") return Flow::proceed;
                    double sum = 0;  // a slow callback: others queue
                    for (int k = 1; k < 100000; ++k) sum += 1.0 / k;
                    if (sum < 12) return Flow::stop;
                    steps.push_back(report.step);
                    return report.step == stop_step ? Flow::stop : Flow::proceed;
                  }});
    model.fit(data.x, data.y);
    REQUIRE(static_cast<Index>(steps.size()) == (stop_step > 0 ? stop_step : 12));
    for (std::size_t k = 0; k < steps.size(); ++k) CHECK(steps[k] == static_cast<Index>(k) + 1);
    CHECK(model.report().converged() == (stop_step == 0));
  }
}

TEST_CASE("Where the folds are stopped, the criterion chooses, or the candidates whose folds are done", "[models]") {
  const Data data;
  Listener first{.stop_stage = "folds", .stop_step = 2};
  const auto model = fitted<Linear>({.folds = 5}, first, data.x, data.y);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(first.stage("folds").size() == 2);
  Linear by_criterion;
  by_criterion.fit(data.x, data.y);
  CHECK(model.selected_features() == by_criterion.selected_features());

  Listener second{.stop_stage = "folds", .stop_step = 7};
  const auto of_two = fitted<Linear>({.folds = 5, .l2_candidates = {0.1, 0}}, second, data.x, data.y);
  Linear of_one({.folds = 5, .l2_candidates = {0.1}});
  of_one.fit(data.x, data.y);
  CHECK(of_two.report().lambda_l2 == 0.1);
  CHECK(of_two.coefficients() == of_one.coefficients());
}

TEST_CASE("Sampled gates report every epoch", "[models]") {
  const Data data;
  Listener listener;
  const l0::RegressionOptions options{.lambda_l0 = 0.05, .gates = l0::GateMode::sampled, .epochs = 50};
  fitted<Linear>(options, listener, data.x, data.y);
  check_counted(listener.stage("gates"));
  CHECK(listener.heard.size() == 50);
  CHECK(listener.heard.back().temperature < listener.heard.front().temperature);
  Listener stopping{.stop_stage = "gates", .stop_step = 20};
  CHECK(fitted<Linear>(options, stopping, data.x, data.y).report().stop == l0::StopReason::callback);
  CHECK(stopping.heard.size() == 20);
}

TEST_CASE("A callback that throws leaves the model as it was", "[models]") {
  const Data data;
  const std::string stage = GENERATE("forward", "folds");
  const int threads = GENERATE(1, 2);
  bool angry = false;
  Linear model({.folds = 3, .threads = threads, .callback = [&](const StepReport& report) {
                  if (angry && report.stage == stage) throw std::runtime_error("enough");
                }});
  model.fit(data.x, data.y);
  const l0::Vector<double> before = model.coefficients();
  angry = true;
  CHECK_THROWS_AS(model.fit(data.x, l0::Vector<double>(-data.y)), std::runtime_error);
  CHECK(model.coefficients() == before);
}

TEST_CASE("A path reports its sizes and folds, and a stop keeps what there is", "[models]") {
  const Data data;
  Listener listener;
  const auto path =
      l0::regularization_path(Linear(), data.x, data.y, {.folds = 4, .max_size = 8, .callback = std::ref(listener)});
  CHECK(listener.stage("forward").size() == 8);
  check_counted(listener.stage("folds"));
  CHECK(path.points.size() == 9);

  Listener stopping{.stop_stage = "forward", .stop_step = 4};
  const auto part = l0::regularization_path(Linear(), data.x, data.y, {.folds = 4, .callback = std::ref(stopping)});
  CHECK(part.points.size() == 5);
  CHECK(part.stop == l0::StopReason::callback);
  CHECK(path.stop == l0::StopReason::converged);
  CHECK(part.best == 4);  // by the criterion, as no fold ran
  CHECK(std::isnan(part.points[4].cv_loss));
}

}  // namespace tests::regression::callbacks
