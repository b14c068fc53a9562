// SPDX-License-Identifier: MIT
// Bad arguments, objectives that break down, and problems with nothing in them.
#include <limits>

#include "support/catch.hpp"
#include "training/objectives.hpp"

namespace tests::training::failures {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::minimize;
using l0::StopReason;
using l0::Vector;
using l0::test::SparseQuadratic;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// ½‖w − 2‖², whose value or gradient is `bad` from call `first_bad` on.
struct BreaksDown {
  double bad = not_a_number;
  int first_bad = 0;
  bool in_gradient = false;
  int calls = 0;

  double operator()(const Vector<double>& w, Vector<double>& gradient) {
    gradient = w.array() - 2;
    const double value = gradient.squaredNorm() / 2;
    const bool breaks = calls++ >= first_bad;
    if (breaks && in_gradient) gradient(1) = bad;
    return breaks && !in_gradient ? bad : value;
  }
};

}  // namespace

TEST_CASE("NaN and infinity in w0 are refused by name, and the objective is not called") {
  SparseQuadratic<double> f;
  Vector<double> w0 = Vector<double>::Zero(12);
  w0(3) = not_a_number;
  CHECK_THROWS_MATCHES(minimize(f, w0), l0::Error, Message("l0: w0(3, 0) is nan, expected a finite number"));
  w0(3) = -infinity;
  CHECK_THROWS_MATCHES(minimize(f, w0), l0::Error, Message("l0: w0(3, 0) is -inf, expected a finite number"));
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(3, 2);
  CHECK_THROWS_MATCHES(minimize(f, matrix), l0::Error, Message("l0: w0 is 3x2, expected 3x1"));
  CHECK(f.calls() == 0);
}

TEST_CASE("Options outside their ranges are refused by name, and the objective is not called") {
  SparseQuadratic<double> f;
  const Vector<double> w0 = Vector<double>::Zero(12);
  const auto refuse = [&](const l0::MinimizeOptions& options, const char* message) {
    CHECK_THROWS_MATCHES(minimize(f, w0, options), l0::Error, Message(message));
  };
  refuse({.lambda_l0 = -1}, "l0: lambda_l0 is -1, expected a finite number >= 0");
  refuse({.lambda_l0 = not_a_number}, "l0: lambda_l0 is nan, expected a finite number >= 0");
  refuse({.max_active = -2}, "l0: max_active is -2, expected a number of weights >= 0, or -1 for no budget");
  refuse({.epochs = -1}, "l0: epochs is -1, expected a number of steps >= 0");
  refuse({.learning_rate = 0}, "l0: learning_rate is 0, expected a finite number > 0");
  refuse({.gate_learning_rate = infinity}, "l0: gate_learning_rate is inf, expected a finite number > 0");
  refuse({.init_sparsity = 0}, "l0: init_sparsity is 0, expected a probability in (0, 1)");
  refuse({.init_sparsity = 1}, "l0: init_sparsity is 1, expected a probability in (0, 1)");
  refuse({.refit_epochs = -1}, "l0: refit_epochs is -1, expected a number of steps >= 0");
  CHECK(f.calls() == 0);
  CHECK_NOTHROW(minimize(f, w0, {.epochs = 0, .refit_epochs = 0}));
  refuse({.temperature_schedule = [](Index) { return 0.0; }}, "l0: temperature is 0, expected a finite number > 0");
}

TEST_CASE("An objective that is not finite ends the run with the last finite weights") {
  for (const double bad : {not_a_number, infinity, -infinity}) {
    for (const bool in_gradient : {false, true}) {
      for (const int first_bad : {0, 1, 10}) {
        CAPTURE(bad, in_gradient, first_bad);
        BreaksDown f{bad, first_bad, in_gradient};
        const auto result = minimize(f, Vector<double>::Ones(4), {.lambda_l0 = 0.01, .epochs = 100});
        CHECK(result.report.stop == StopReason::not_finite);
        CHECK_FALSE(result.report.converged());
        CHECK(result.report.steps == first_bad);
        CHECK(f.calls <= first_bad + 2);
        CHECK(result.weights.size() == 4);
        CHECK(result.weights.allFinite());
        CHECK(result.probability.allFinite());
      }
    }
  }
}

TEST_CASE("An objective that is not finite in the refit ends the run with the weights of the gates") {
  BreaksDown f{not_a_number, 20};
  const auto result = minimize(f, Vector<double>::Ones(4), {.epochs = 20});
  CHECK(result.report.stop == StopReason::not_finite);
  CHECK(result.weights.allFinite());
  BreaksDown same{not_a_number, 1000};
  CHECK(result.weights == minimize(same, Vector<double>::Ones(4), {.epochs = 20, .refit = false}).weights);
}

TEST_CASE("An objective with steps that is not finite in the refit ends the run with finite weights") {
  const auto f = [](const Vector<double>& w, Vector<double>& gradient, Index step) {
    gradient = w.array() - 2;
    return step < 25 ? gradient.squaredNorm() / 2 : not_a_number;
  };
  const auto result = minimize(f, Vector<double>::Ones(4), {.epochs = 20, .refit_epochs = 50});
  CHECK(result.report.stop == StopReason::not_finite);
  CHECK(result.report.steps == 25);
  CHECK(result.weights.allFinite());
}

TEST_CASE("A loss that is not finite at the result is no success") {
  BreaksDown f{not_a_number, 20};
  const auto result = minimize(f, Vector<double>::Ones(4), {.epochs = 20, .refit = false});
  CHECK(result.report.stop == StopReason::not_finite);
  CHECK(std::isnan(result.report.loss));
  CHECK(result.weights.allFinite());
}

TEST_CASE("The empty problem has the empty solution") {
  int calls = 0;
  const auto f = [&](const Vector<double>& w, Vector<double>& gradient) {
    ++calls;
    CHECK(w.size() == 0);
    CHECK(gradient.size() == 0);
    return 3.0;
  };
  for (const Index budget : {-1, 0, 2}) {
    const auto result = minimize(f, Vector<double>(0), {.lambda_l0 = 0.1, .max_active = budget, .epochs = 5});
    CHECK(result.weights.size() == 0);
    CHECK(result.active.empty());
    CHECK(result.report.loss == 3);
    CHECK(result.report.expected_l0 == 0);
    CHECK(result.report.stop == StopReason::completed);
  }
  CHECK(calls > 0);
}

TEST_CASE("A problem of one weight") {
  const auto f = [](const Vector<double>& w, Vector<double>& gradient) {
    gradient = w.array() - 2;
    return gradient.squaredNorm() / 2;
  };
  CHECK(minimize(f, Vector<double>::Zero(1), {.lambda_l0 = 0.1}).weights(0) == Approx(2));
  CHECK(minimize(f, Vector<double>::Zero(1), {.lambda_l0 = 10}).weights(0) == 0);
  CHECK(minimize(f, Vector<double>::Zero(1), {.max_active = 1}).weights(0) == Approx(2));
  CHECK(minimize(f, Vector<double>::Zero(1), {.max_active = 0}).weights(0) == 0);
}

TEST_CASE("A flat objective and a zero loss are no trouble") {
  const auto flat = [](const Vector<double>& w, Vector<double>& gradient) {
    gradient = 0 * w;
    return 0.0;
  };
  for (const Index budget : {-1, 0, 2}) {
    const auto result = minimize(flat, Vector<double>::Ones(4), {.max_active = budget, .epochs = 50});
    CHECK(result.weights.allFinite());
    CHECK(std::isfinite(result.report.lambda));
    if (budget >= 0) CHECK(static_cast<Index>(result.active.size()) == budget);
  }
}

}  // namespace tests::training::failures
