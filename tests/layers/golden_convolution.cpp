// SPDX-License-Identifier: MIT
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include "layers/batches.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::layers::golden_convolution {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::Golden;
namespace tolerance = l0::test::tolerance;

/// The numbers of a golden case, rounded to Scalar or, so that float has an equal in double, to Rounded.
template <class Scalar, class Rounded>
struct Case {
  explicit Case(const Golden& golden) : given(golden) {}

  Matrix<Scalar> matrix(const char* name) const {
    return given.matrix(name).template cast<Rounded>().template cast<Scalar>();
  }
  l0::ImageShape image() const {
    const auto shape = given.shape("X");
    return {shape[1], shape[2], shape[3]};
  }
  l0::Extent kernel() const { return {given.shape("weight")[2], given.shape("weight")[3]}; }
  l0::L0ConvOptions<Scalar> options() const {
    const auto stride = given.indices("stride");
    const auto padding = given.indices("padding");
    return {.bias = given.scalar("has_bias") == 1,
            .stride = {stride[0], stride[1]},
            .padding = {padding[0], padding[1]},
            .gate = {.temperature = static_cast<Scalar>(static_cast<Rounded>(given.scalar("temperature")))}};
  }

  Golden given;
};

struct Outcome {
  Eigen::MatrixXd y, grad_weight, grad_log_alpha, grad_bias, grad_X, grad_penalty, y_deterministic;
  double penalty;
};

template <class Batch, class Scalar, class Rounded, class Layer>
Outcome run(const Case<Scalar, Rounded>& numbers, Layer layer) {
  layer.weight() = numbers.matrix("weight");
  layer.log_alpha() = numbers.matrix("log_alpha");
  if (layer.has_bias()) layer.bias() = numbers.matrix("bias");
  const l0::GivenNoise<Scalar> noise(numbers.matrix("u"));
  Batch batch;
  Matrix<Scalar> X = numbers.matrix("X");
  Matrix<Scalar> grad_X;
  Outcome result;
  result.y = batch.forward(layer, X, noise).template cast<double>();
  layer.backward(numbers.matrix("upstream"), grad_X);
  result.grad_weight = layer.weight_gradient().template cast<double>();
  result.grad_log_alpha = layer.log_alpha_gradient().template cast<double>();
  result.grad_bias = layer.bias_gradient().template cast<double>();
  result.grad_X = grad_X.template cast<double>();
  layer.log_alpha_gradient().setZero();
  result.penalty = static_cast<double>(l0::L0Penalty<Scalar>{.lambda = 1}.accumulate(layer));
  result.grad_penalty = layer.log_alpha_gradient().template cast<double>();
  result.y_deterministic = layer.predict(X).template cast<double>();
  return result;
}

template <class Batch, class Scalar, class Rounded>
Outcome run_conv(const Golden& given) {
  const Case<Scalar, Rounded> numbers(given);
  const Index outputs = given.shape("weight")[0];
  l0::Rng rng(0);
  if (given.scalar("structured") == 1) {
    return run<Batch>(numbers,
                      l0::L0Conv2d<Scalar>(numbers.image(), outputs, numbers.kernel(), rng, numbers.options()));
  }
  return run<Batch>(
      numbers, l0::L0Conv2d<Scalar, l0::PerWeight>(numbers.image(), outputs, numbers.kernel(), rng, numbers.options()));
}

template <class Batch, class Scalar, class Rounded>
Outcome run_depthwise(const Golden& given) {
  const Case<Scalar, Rounded> numbers(given);
  l0::Rng rng(0);
  return run<Batch>(numbers, l0::L0DepthwiseConv2d<Scalar>(numbers.image(), numbers.kernel(), rng, numbers.options()));
}

void check(const Outcome& actual, const Golden& given) {
  CHECK(close(actual.y, given.matrix("y"), tolerance::golden));
  CHECK(close(actual.penalty, given.scalar("penalty"), tolerance::golden));
  CHECK(close(actual.grad_weight, given.matrix("grad_weight"), tolerance::golden));
  CHECK(close(actual.grad_log_alpha, given.matrix("grad_log_alpha"), tolerance::golden));
  CHECK(close(actual.grad_penalty, given.matrix("grad_penalty_log_alpha"), tolerance::golden));
  CHECK(close(actual.grad_X, given.matrix("grad_X"), tolerance::golden));
  CHECK(close(actual.y_deterministic, given.matrix("y_deterministic"), tolerance::golden));
  if (given.scalar("has_bias") == 1) {
    CHECK(close(actual.grad_bias, given.matrix("grad_bias"), tolerance::golden));
  } else {
    CHECK(actual.grad_bias.size() == 0);
  }
}

void check_equal(const Outcome& actual, const Outcome& expected) {
  CHECK(close(actual.y, expected.y, tolerance::single));
  CHECK(close(actual.grad_weight, expected.grad_weight, tolerance::single));
  CHECK(close(actual.grad_log_alpha, expected.grad_log_alpha, tolerance::single));
  CHECK(close(actual.grad_bias, expected.grad_bias, tolerance::single));
  CHECK(close(actual.grad_X, expected.grad_X, tolerance::single));
  CHECK(close(actual.y_deterministic, expected.y_deterministic, tolerance::single));
}

using Columns = l0::test::DenseColumns<double>;

}  // namespace

TEMPLATE_TEST_CASE("Convolutions give the reference values of l0_conv2d.txt", "[golden]", Columns,
                   l0::test::DenseRows<double>, (l0::test::Sparse<double, Eigen::RowMajor>)) {
  const Golden golden(l0::test::data_file("l0_conv2d.txt"));
  REQUIRE(golden.num_cases() == 8);
  for (Index i = 0; i < golden.num_cases(); ++i) {
    CAPTURE(i);
    check(run_conv<TestType, double, double>(golden.case_(i)), golden.case_(i));
  }
}

TEMPLATE_TEST_CASE("Depthwise convolutions give the reference values of l0_depthwise_conv2d.txt", "[golden]", Columns,
                   l0::test::DenseRows<double>) {
  const Golden golden(l0::test::data_file("l0_depthwise_conv2d.txt"));
  REQUIRE(golden.num_cases() == 5);
  for (Index i = 0; i < golden.num_cases(); ++i) {
    CAPTURE(i);
    check(run_depthwise<TestType, double, double>(golden.case_(i)), golden.case_(i));
  }
}

TEST_CASE("Convolutions in float agree with double at the inputs rounded to float", "[golden]") {
  using Single = l0::test::DenseColumns<float>;
  const Golden conv(l0::test::data_file("l0_conv2d.txt"));
  for (Index i = 0; i < conv.num_cases(); ++i) {
    CAPTURE(i);
    check_equal(run_conv<Single, float, float>(conv.case_(i)), run_conv<Columns, double, float>(conv.case_(i)));
  }
  const Golden depthwise(l0::test::data_file("l0_depthwise_conv2d.txt"));
  for (Index i = 0; i < depthwise.num_cases(); ++i) {
    CAPTURE(i);
    check_equal(run_depthwise<Single, float, float>(depthwise.case_(i)),
                run_depthwise<Columns, double, float>(depthwise.case_(i)));
  }
}

}  // namespace tests::layers::golden_convolution
