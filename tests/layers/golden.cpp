// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include <vector>

#include "layers/batches.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::layers::golden {

namespace {

using l0::test::close;
using l0::test::Golden;
namespace tolerance = l0::test::tolerance;

/// What one step of a layer gives, in double for comparison.
struct Outcome {
  Eigen::MatrixXd y, grad_weight, grad_log_alpha, grad_bias, grad_X, y_deterministic, gates_deterministic;
  double mse = 0;
  double penalty = 0;
  double loss = 0;
};

/// The numbers of a golden case, rounded to Scalar or, so that float has an equal in double, to Rounded.
template <class Scalar, class Rounded>
l0::Matrix<Scalar> input(const Eigen::MatrixXd& numbers) {
  return numbers.cast<Rounded>().template cast<Scalar>();
}

template <class Batch, class Layer, class Scalar = typename Layer::Scalar>
Outcome run(Layer& layer, const l0::Matrix<Scalar>& X, const l0::Matrix<Scalar>& u, const l0::Matrix<Scalar>& target,
            Scalar lambda) {
  l0::GivenNoise<Scalar> noise(u);
  Batch batch;
  const auto& y = batch.forward(layer, X, noise);
  const auto loss = l0::mse_loss(y, target);
  l0::Matrix<Scalar> grad_X;
  layer.backward(loss.gradient, grad_X);
  const l0::L0Penalty<Scalar> penalty{.lambda = lambda};
  const Scalar priced = penalty.accumulate(layer);
  Outcome result;
  result.y = y.template cast<double>();
  result.mse = static_cast<double>(loss.value);
  result.penalty = static_cast<double>(layer.l0_penalty());
  result.loss = static_cast<double>(loss.value + priced);
  result.grad_weight = layer.weight_gradient().template cast<double>();
  result.grad_log_alpha = layer.log_alpha_gradient().template cast<double>();
  result.grad_bias = layer.bias_gradient().template cast<double>();
  result.grad_X = grad_X.template cast<double>();
  result.y_deterministic = layer.predict(X).template cast<double>();
  result.gates_deterministic = layer.gate().deterministic().template cast<double>();
  return result;
}

/// A case of l0_linear.txt: one gate per weight.
template <class Scalar, class Rounded, class Batch>
Outcome run_linear(const Golden& given) {
  const auto X = input<Scalar, Rounded>(given.matrix("X"));
  const bool has_bias = given.scalar("has_bias") == 1;
  l0::Rng rng(0);
  l0::L0Linear<Scalar> layer(
      X.cols(), given.shape("weight")[0], rng,
      {.bias = has_bias,
       .gate = {.temperature = static_cast<Scalar>(static_cast<Rounded>(given.scalar("temperature")))}});
  layer.weight() = input<Scalar, Rounded>(given.matrix("weight"));
  layer.log_alpha() = input<Scalar, Rounded>(given.matrix("log_alpha"));
  if (has_bias) layer.bias() = input<Scalar, Rounded>(given.vector("bias"));
  return run<Batch>(layer, X, input<Scalar, Rounded>(given.matrix("u")), input<Scalar, Rounded>(given.matrix("target")),
                    static_cast<Scalar>(static_cast<Rounded>(given.scalar("lambda"))));
}

/// A case of sparse_linear.txt: a regression with a gate per feature, which with one output is a gate per weight.
template <class Scalar, class Rounded, class Batch>
Outcome run_regression(const Golden& given) {
  const auto number = [&](const char* name) { return static_cast<Scalar>(static_cast<Rounded>(given.scalar(name))); };
  const auto X = input<Scalar, Rounded>(given.matrix("X"));
  const bool has_bias = given.scalar("has_bias") == 1;
  l0::Rng rng(0);
  l0::L0Linear<Scalar> layer(
      X.cols(), 1, rng,
      {.bias = has_bias, .gate = {.temperature = number("beta"), .gamma = number("gamma"), .zeta = number("zeta")}});
  layer.weight() = input<Scalar, Rounded>(given.vector("weight").transpose());
  layer.log_alpha() = input<Scalar, Rounded>(given.vector("log_alpha").transpose());
  if (has_bias) layer.bias() = input<Scalar, Rounded>(given.vector("bias"));
  return run<Batch>(layer, X, input<Scalar, Rounded>(given.vector("u").transpose()),
                    input<Scalar, Rounded>(given.vector("y")), number("lambda"));
}

void check_equal(const Outcome& actual, const Outcome& expected, l0::test::Tolerance rule) {
  CHECK(close(actual.y, expected.y, rule));
  CHECK(close(actual.mse, expected.mse, rule));
  CHECK(close(actual.penalty, expected.penalty, rule));
  CHECK(close(actual.loss, expected.loss, rule));
  CHECK(close(actual.grad_weight, expected.grad_weight, rule));
  CHECK(close(actual.grad_log_alpha, expected.grad_log_alpha, rule));
  CHECK(close(actual.grad_bias, expected.grad_bias, rule));
  CHECK(close(actual.grad_X, expected.grad_X, rule));
  CHECK(close(actual.y_deterministic, expected.y_deterministic, rule));
  CHECK(close(actual.gates_deterministic, expected.gates_deterministic, rule));
}

/// What all cases have in common.
void check_step(const Outcome& actual, const Golden& given) {
  CHECK(close(actual.mse, given.scalar("mse"), tolerance::golden));
  CHECK(close(actual.penalty, given.scalar("penalty"), tolerance::golden));
  CHECK(close(actual.loss, given.scalar("loss"), tolerance::golden));
  if (given.scalar("has_bias") == 1) {
    CHECK(close(actual.grad_bias, given.vector("grad_bias"), tolerance::golden));
  } else {
    CHECK(actual.grad_bias.size() == 0);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("A gate per weight gives the reference values of l0_linear.txt", "[golden]",
                   l0::test::DenseColumns<double>, l0::test::DenseRows<double>) {
  const Golden golden(l0::test::data_file("l0_linear.txt"));
  REQUIRE(golden.num_cases() == 6);
  for (Eigen::Index i = 0; i < golden.num_cases(); ++i) {
    CAPTURE(i);
    const Golden given = golden.case_(i);
    const Outcome actual = run_linear<double, double, TestType>(given);
    check_step(actual, given);
    CHECK(close(actual.y, given.matrix("y"), tolerance::golden));
    CHECK(close(actual.grad_weight, given.matrix("grad_weight"), tolerance::golden));
    CHECK(close(actual.grad_log_alpha, given.matrix("grad_log_alpha"), tolerance::golden));
    CHECK(close(actual.grad_X, given.matrix("grad_X"), tolerance::golden));
    CHECK(close(actual.y_deterministic, given.matrix("y_deterministic"), tolerance::golden));
  }
}

TEMPLATE_TEST_CASE("A regression with a gate per feature gives the reference values of sparse_linear.txt", "[golden]",
                   l0::test::DenseColumns<double>, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor>)) {
  const Golden golden(l0::test::data_file("sparse_linear.txt"));
  REQUIRE(golden.num_cases() == 3);
  for (Eigen::Index i = 0; i < golden.num_cases(); ++i) {
    CAPTURE(i);
    const Golden given = golden.case_(i);
    const Outcome actual = run_regression<double, double, TestType>(given);
    check_step(actual, given);
    CHECK(close(actual.y, given.vector("prediction"), tolerance::golden));
    CHECK(close(actual.grad_weight, given.vector("grad_weight").transpose(), tolerance::golden));
    CHECK(close(actual.grad_log_alpha, given.vector("grad_log_alpha").transpose(), tolerance::golden));
    CHECK(close(actual.gates_deterministic, given.vector("gates_deterministic").transpose(), tolerance::golden));
    CHECK(close(actual.y_deterministic, given.vector("prediction_deterministic"), tolerance::golden));
    std::vector<Eigen::Index> selected;
    for (Eigen::Index j = 0; j < actual.gates_deterministic.cols(); ++j) {
      if (actual.gates_deterministic(0, j) > 0.01) selected.push_back(j);
    }
    CHECK(selected == given.indices("selected"));
  }
}

TEST_CASE("Layers in float agree with layers in double at the inputs rounded to float", "[golden]") {
  const Golden linear(l0::test::data_file("l0_linear.txt"));
  for (Eigen::Index i = 0; i < linear.num_cases(); ++i) {
    CAPTURE(i);
    check_equal(run_linear<float, float, l0::test::DenseColumns<float>>(linear.case_(i)),
                run_linear<double, float, l0::test::DenseColumns<double>>(linear.case_(i)), tolerance::single);
  }
  const Golden sparse(l0::test::data_file("sparse_linear.txt"));
  for (Eigen::Index i = 0; i < sparse.num_cases(); ++i) {
    CAPTURE(i);
    check_equal(run_regression<float, float, l0::test::Sparse<float, Eigen::RowMajor>>(sparse.case_(i)),
                run_regression<double, float, l0::test::Sparse<double, Eigen::RowMajor>>(sparse.case_(i)),
                tolerance::single);
  }
}

}  // namespace tests::layers::golden
