// SPDX-License-Identifier: MIT
// What may be given to minimize as an objective.
#include <l0/training/minimize.hpp>

#include <vector>

#include "support/catch.hpp"
#include "training/objectives.hpp"

namespace tests::training::functors {

namespace {

using l0::Index;
using l0::Vector;

double free_function(const Vector<double>& w, Vector<double>& gradient) {
  gradient = 2 * w;
  return w.squaredNorm();
}

/// Least squares of 60 samples in batches of 20, the step telling which; the truth has the support {0, 2}.
struct Minibatches {
  Minibatches() : X(60, 6), y(60) {
    for (Index k = 0; k < X.size(); ++k) X(k) = std::sin(static_cast<double>(k * k + 1));
    y = X.col(0) - 2 * X.col(2);
  }

  double operator()(const Vector<double>& w, Vector<double>& gradient, Index step) {
    steps.push_back(step);
    const Index first = 20 * (step % 3);
    const auto batch = X.middleRows(first, 20);
    const Vector<double> residual = batch * w - y.segment(first, 20);
    gradient = batch.transpose() * residual / 10;
    return residual.squaredNorm() / 20;
  }

  Eigen::MatrixXd X;
  Vector<double> y;
  std::vector<Index> steps{};
};

}  // namespace

TEST_CASE("A functor that keeps state is called itself, not a copy") {
  l0::test::SparseQuadratic<double> f;
  l0::minimize(f, Vector<double>::Zero(12), {.epochs = 10, .refit = false});
  CHECK(f.calls() == 11);  // and once at the result
}

TEST_CASE("Functions, lambdas and temporaries are objectives") {
  const l0::MinimizeOptions options{.lambda_l0 = 0.1, .epochs = 20};
  const Vector<double> w0 = Vector<double>::Ones(3);
  const auto of_function = l0::minimize(free_function, w0, options);
  const auto of_pointer = l0::minimize(&free_function, w0, options);
  const auto of_lambda =
      l0::minimize([](const auto& w, auto& gradient) { return free_function(w, gradient); }, w0, options);
  CHECK(of_function.weights == of_pointer.weights);
  CHECK(of_function.weights == of_lambda.weights);
}

TEST_CASE("The gradient has the size of w when the objective is called, and w0 may be an expression") {
  const auto f = [](const Vector<double>& w, Vector<double>& gradient) {
    CHECK(w.size() == 4);
    CHECK(gradient.size() == 4);
    gradient.array() = w.array();
    return w.squaredNorm() / 2;
  };
  const Eigen::Matrix4d start = Eigen::Matrix4d::Ones();
  const auto result = l0::minimize(f, 2 * start.col(1), {.epochs = 3});
  CHECK(result.weights.size() == 4);
  CHECK(l0::minimize(f, 2 * start.col(1).array(), {.epochs = 3}).weights == result.weights);
}

TEST_CASE("An objective that takes the step number sees 0, 1, 2, ... and may choose its minibatch") {
  Minibatches f;
  static_assert(l0::SteppedObjective<Minibatches, double>);
  const auto result = l0::minimize(f, Vector<double>::Zero(6),
                                   {.lambda_l0 = 0.02, .epochs = 1500, .learning_rate = 0.05, .refit_epochs = 300});
  CHECK(result.active == std::vector<Index>{0, 2});
  CHECK(result.weights(0) == Approx(1).epsilon(1e-3));
  CHECK(result.weights(2) == Approx(-2).epsilon(1e-3));
  CHECK(result.report.steps == 1800);
  REQUIRE(f.steps.size() == 1801);
  for (std::size_t k = 0; k < f.steps.size(); ++k) {
    if (f.steps[k] != static_cast<Index>(k)) FAIL("step " << f.steps[k] << " at call " << k);
  }
}

TEST_CASE("The refit of an objective with steps goes down its gradient") {
  // Without steps at gates the start is 0, and the minimum is the refit's own work.
  const Vector<double> target{{1, -0.5, 2}};
  const auto f = [&](const Vector<double>& w, Vector<double>& gradient, Index) {
    gradient = w - target;
    return gradient.squaredNorm() / 2;
  };
  const auto result =
      l0::minimize(f, Vector<double>::Zero(3), {.epochs = 0, .learning_rate = 0.05, .refit_epochs = 400});
  CHECK(result.active.size() == 3);
  CHECK((result.weights - target).cwiseAbs().maxCoeff() < 0.01);
}

TEST_CASE("An objective that takes the step number or not is called with it") {
  struct Both {
    int with = 0;
    int without = 0;
    double operator()(const Vector<double>& w, Vector<double>& gradient) {
      ++without;
      return free_function(w, gradient);
    }
    double operator()(const Vector<double>& w, Vector<double>& gradient, Index) {
      ++with;
      return free_function(w, gradient);
    }
  } f;
  l0::minimize(f, Vector<double>::Ones(2), {.epochs = 5, .refit = false});
  CHECK(f.with == 6);
  CHECK(f.without == 0);
}

}  // namespace tests::training::functors
