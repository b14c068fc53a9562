// SPDX-License-Identifier: MIT
// Losses and gradients at given noise, against l0-python on PyTorch (tests/data/calibration.txt).
#include <l0/calibration/calibration.hpp>

#include <string>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::calibration::golden {

namespace {

using l0::Index;
using l0::test::close;

// The tolerance that is asked for; what is measured is 1e-13.
constexpr l0::test::Tolerance golden_tolerance{1e-10, 1e-3};

struct Case {
  Eigen::SparseMatrix<double> m;
  Eigen::VectorXd targets;
  l0::CalibrationTask task;
  l0::CalibrationOptions options;
  double lambda_l0;

  explicit Case(const l0::test::Golden& golden)
      : m(golden.matrix("M").sparseView()), targets(golden.vector("y")), lambda_l0(golden.scalar("lambda_l0")) {
    task.loss = golden.scalar("loss_type") == 0 ? l0::CalibrationLoss::squared : l0::CalibrationLoss::relative;
    if (golden.scalar("has_groups") != 0) task.target_groups = golden.indices("target_groups");
    task.normalize_groups = golden.scalar("normalize_groups") != 0;
    if (golden.scalar("num_multipliers") > 0) {
      const auto groups = golden.indices("multiplier_groups");
      const Eigen::VectorXd values = golden.vector("multiplier_values");
      for (std::size_t i = 0; i < groups.size(); ++i) {
        task.group_multipliers[groups[i]] = values(static_cast<Index>(i));
      }
    }
    options.gates = l0::GateMode::sampled;
    options.lambda_l2 = golden.scalar("lambda_l2");
    options.temperature = golden.scalar("beta");
    options.gamma = golden.scalar("gamma");
    options.zeta = golden.scalar("zeta");
  }
};

/// The parameters of the file, written over those of the start: log α beyond ±20 is nothing options would give.
void set_parameters(l0::detail::ExpectedLoss<double>& loss, const l0::test::Golden& golden) {
  const Eigen::VectorXd log_weight = golden.vector("log_weight");
  const Eigen::VectorXd log_alpha = golden.vector("log_alpha");
  std::copy(log_weight.begin(), log_weight.end(), loss.log_weight.begin());
  std::copy(log_alpha.begin(), log_alpha.end(), loss.log_alpha.begin());
}

}  // namespace

TEST_CASE("Losses and gradients at given noise agree with the reference") {
  const l0::test::Golden all(l0::test::data_file("calibration.txt"));
  REQUIRE(all.num_cases() == 10);
  for (Index i = 0; i < all.num_cases(); ++i) {
    CAPTURE(i);
    const l0::test::Golden golden = all.case_(i);
    const Case c(golden);
    const l0::detail::CalibrationTerms terms(c.targets, c.task);
    const Eigen::VectorXd row_weights = golden.vector("row_weights");
    for (Index j = 0; j < terms.size(); ++j) CHECK(close(terms[j].weight, row_weights(j), golden_tolerance));

    l0::detail::CompactMatrix<double> m(c.m);
    m.scale_rows(terms.row_factors());
    l0::detail::ExpectedLoss<double> loss(m, terms, c.options, l0::detail::calibration_start(m.columns(), c.options));
    set_parameters(loss, golden);
    const Eigen::VectorXd u = golden.vector("u");
    loss.forward_with(u);
    // The value has the price of the weights in it, not that of the gates.
    const double value = loss.backward();
    const double l2 = c.options.lambda_l2 * golden.scalar("l2_penalty");
    CHECK(close(value, golden.scalar("data_loss") + l2, golden_tolerance));
    CHECK(close(loss.expected_open(), golden.scalar("l0_penalty"), golden_tolerance));
    CHECK(close(value + c.lambda_l0 * loss.expected_open(), golden.scalar("loss"), golden_tolerance));

    Eigen::VectorXd by_log_weight(c.m.cols());
    Eigen::VectorXd by_log_alpha(c.m.cols());
    loss.pass(0, true, c.lambda_l0, [&](Index first, const double* by_weight, const double* by_alpha) {
      for (Index k = first; k < std::min<Index>(first + 64, c.m.cols()); ++k) {
        by_log_weight(k) = by_weight[k - first];
        by_log_alpha(k) = by_alpha[k - first];
      }
    });
    CHECK(close(by_log_weight, golden.vector("grad_log_weight"), golden_tolerance));
    CHECK(close(by_log_alpha, golden.vector("grad_log_alpha"), golden_tolerance));
  }
}

TEST_CASE("Weights read off the gates agree with the reference") {
  const l0::test::Golden all(l0::test::data_file("calibration.txt"));
  for (Index i = 0; i < all.num_cases(); ++i) {
    CAPTURE(i);
    const l0::test::Golden golden = all.case_(i);
    const Case c(golden);
    const l0::detail::CalibrationTerms terms(c.targets, c.task);
    const l0::detail::CompactMatrix<double> m(c.m);
    l0::detail::ExpectedLoss<double> loss(m, terms, c.options, l0::detail::calibration_start(m.columns(), c.options));
    set_parameters(loss, golden);
    const std::vector<double> gates = loss.deterministic();
    const Eigen::VectorXd expected = golden.vector("weights_deterministic");
    Eigen::VectorXd weights(expected.size());
    for (Index j = 0; j < weights.size(); ++j) {
      weights(j) = std::exp(golden.vector("log_weight")(j)) * gates[static_cast<std::size_t>(j)];
    }
    CHECK(close(weights, expected, golden_tolerance));
    const Eigen::VectorXd predictions = c.m * weights;
    CHECK(close(predictions, golden.vector("prediction_deterministic"), golden_tolerance));
    std::vector<Index> active;
    for (Index j = 0; j < weights.size(); ++j) {
      if (weights(j) > 0) active.push_back(j);
    }
    CHECK(active == golden.indices("active"));
  }
}

}  // namespace tests::calibration::golden
