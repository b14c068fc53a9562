// SPDX-License-Identifier: MIT
// Reports as text and as JSON.
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <l0/io/report.hpp>
#include <l0/regression/linear_regression.hpp>
#include "support/catch.hpp"

namespace tests::io::report {

namespace {

using Catch::Matchers::Contains;

template <class Report>
std::string printed(const Report& report) {
  std::ostringstream stream;
  stream << report;
  return stream.str();
}

}  // namespace

TEST_CASE("A training report", "[io]") {
  const l0::TrainingReport report{l0::StopReason::callback, 1500, 0.125, 20.5, 0.01, 0.42};
  CHECK(printed(report) ==
        "stopped by a callback after 1500 steps in 0.42 s: loss 0.125, 20.5 open gates expected at a price of 0.01");
  CHECK(
      l0::to_json(report) ==
      R"({"stop":"stopped by a callback","steps":1500,"loss":0.125,"expected_l0":20.5,"lambda":0.01,"seconds":0.42})");
}

TEST_CASE("A regression report, and a fitted regression", "[io]") {
  l0::RegressionReport report{.size = 2, .loss = 0.5, .criterion = 123.25, .lambda = 0.125, .seconds = 0.25};
  report.notes = {"1 constant columns were left out", "a \"note\"\nof two lines"};
  CHECK(printed(report) ==
        "converged in 0.25 s: 2 features, mean loss 0.5, criterion 123.25, price of a feature 0.125\n"
        "note: 1 constant columns were left out\nnote: a \"note\"\nof two lines");
  CHECK(l0::to_json(report) ==
        R"({"stop":"converged","size":2,"loss":0.5,"criterion":123.25,"lambda":0.125,"lambda_l2":0,"seconds":0.25,)"
        R"("notes":["1 constant columns were left out","a \"note\"\u000aof two lines"]})");

  Eigen::MatrixXd x = Eigen::MatrixXd::NullaryExpr(
      30, 4, [](auto i, auto j) { return std::sin(static_cast<double>(3 * i + 7 * j * j + i * j)); });
  const Eigen::VectorXd y = 2 * x.col(2).array() + 1;
  l0::LinearRegression<double> model({.max_features = 1, .feature_names = {"a", "b", "the \\ third", "d"}});
  model.fit(x, y);
  const std::string json = l0::to_json(model);
  CHECK_THAT(json, Contains(R"({"report":{"stop":"converged","size":1,)"));
  CHECK_THAT(json, Contains(R"("features":4,"intercept":)"));
  CHECK_THAT(json, Contains(R"("selected":[{"index":2,"name":"the \\ third","coefficient":)"));
  CHECK(json.back() == '}');
}

TEST_CASE("A calibration report", "[io]") {
  l0::CalibrationReport report;
  report.steps = 200;
  report.loss = 0.001;
  report.loss_before = 0.5;
  report.seconds = 1.5;
  report.records = 50;
  report.all = {
      .targets = 4, .loss = 0.001, .mean = 0.0125, .median = 0.01, .largest = 0.0625, .within_5_percent = 0.75};
  report.groups = {report.all};
  report.errors = Eigen::Vector2d(0.25, std::numeric_limits<double>::quiet_NaN());
  report.weights.sum = 1234567;
  report.unreachable = {3, 5};
  const std::string text = printed(report);
  CHECK_THAT(text, Contains("completed after 200 passes in 1.5 s: loss 0.5 -> 0.001, 50 records kept"));
  CHECK_THAT(text, Contains("targets: 75 % of 4 within 5 %, error mean 1.25 %, median 1 %, largest 6.25 %"));
  CHECK_THAT(text, Contains("2 targets are reached by no record"));
  const std::string json = l0::to_json(report);
  CHECK_THAT(json, Contains(R"("errors":[0.25,null])"));
  CHECK_THAT(json, Contains(R"("predictions":[])"));
  CHECK_THAT(json, Contains(R"("groups":[{"group":0,"targets":4,)"));
  CHECK_THAT(json, Contains(R"("unreachable":[3,5],"empty_records":[],"notes":[]})"));
}

TEST_CASE("A factorization report", "[io]") {
  l0::FactorizationReport report{
      .epochs = 40, .rank = 3, .entries = 500, .weight = 750, .loss = 0.25, .objective = 0.5};
  report.expected_l0 = 3;
  report.lambda = 0.125;
  report.lambda_l2 = 0.0625;
  report.seconds = 0.5;
  report.ranks = {{.rank = 2, .train_loss = 0.5, .held_out_loss = 0.75, .standard_error = 0.125}};
  report.notes = {"a note"};
  CHECK(printed(report) ==
        "converged after 40 passes in 0.5 s: 3 factors, mean loss 0.25, 3 open gates at a price of 0.125, lambda_l2 "
        "0.0625\nnote: a note");
  CHECK(l0::to_json(report) ==
        R"({"stop":"converged","epochs":40,"rank":3,"entries":500,"weight":750,"loss":0.25,)"
        R"("objective":0.5,"expected_l0":3,)"
        R"("lambda":0.125,"lambda_l2":0.0625,"seconds":0.5,"ranks":[{"rank":2,"train_loss":0.5,"held_out_loss":0.75,)"
        R"("standard_error":0.125}],"notes":["a note"]})");
}

TEST_CASE("A report of boosted trees", "[io]") {
  l0::SoftTreeBoostingReport report{.trees = 1, .grown = 2, .features = 2, .loss = 0.5, .out_of_fold_loss = 0.75};
  report.staged_loss = {1, 0.5};
  report.path = {{.features = {1, 4}, .out_of_fold_loss = 0.75, .trees = 1, .worth = {0.25, 0.125}}};
  report.seconds = 0.25;
  CHECK(printed(report) == "completed in 0.25 s: 1 tree of 2 features, mean loss 0.5, out of fold 0.75");
  CHECK(l0::to_json(report) ==
        R"({"stop":"completed","trees":1,"grown":2,"features":2,"loss":0.5,"out_of_fold_loss":0.75,)"
        R"("staged_loss":[1,0.5],"staged_validation_loss":[],"path":[{"features":[1,4],"out_of_fold_loss":0.75,)"
        R"("standard_error":0,"trees":1,"worth":[0.25,0.125],"staged":[]}],"seconds":0.25,"notes":[]})");
}

TEST_CASE("The layers of a network", "[io]") {
  const std::vector<l0::LayerSparsity> layers{{"0 L0Linear", 10, 4, 4.5, 20, 8, 16}};
  CHECK(printed(layers) == l0::to_string(layers));
  CHECK(l0::to_json(layers) ==
        R"([{"name":"0 L0Linear","gates":10,"open_gates":4,"expected_l0":4.5,"weights":20,"open_weights":8,)"
        R"("flops":16}])");
}

}  // namespace tests::io::report
