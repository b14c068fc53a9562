// SPDX-License-Identifier: MIT
// A training step takes no memory from the heap after the first.
#include "support/allocations.hpp"

#include <l0/layers/linear.hpp>
#include <l0/layers/soft_tree.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include <cstdlib>
#include <functional>
#include <new>
#include <random>
#include <utility>

#include "support/catch.hpp"

namespace tests::layers::allocation {

namespace {

using l0::Index;
using l0::Matrix;
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Scalar>
Matrix<Scalar> noise(l0::Rng& rng, Index rows, Index columns) {
  Matrix<Scalar> result(rows, columns);
  std::uniform_real_distribution<Scalar> uniform(-1, 1);
  for (Index k = 0; k < result.size(); ++k) result(k) = uniform(rng);
  return result;
}

/// Runs training steps of one layer and counts what all but the first allocate.
template <class Scalar, class Grouping, class Batch>
struct Steps {
  Steps(Index inputs, Index outputs, const Batch& batch, const l0::L0LinearOptions<Scalar>& options = {})
      : layer(inputs, outputs, rng, options), optimizer(layer.parameters(), {.learning_rate = Scalar(0.01)}), X(batch),
        y(noise<Scalar>(rng, batch.rows(), outputs)) {}

  void step() {
    optimizer.zero_grad();
    l0::mse_loss(layer.forward(X, rng), y, gradient);
    layer.backward(gradient, grad_X);
    penalty.accumulate(layer);
    optimizer.step();
  }

  void check(const std::function<void(int)>& prepare = [](int) {}) {
    prepare(0);
    step();
    int total = 0;
    for (int k = 1; k < 8; ++k) {
      CAPTURE(k);
      prepare(k);
      const int count = l0::test::allocations_in([&] { step(); });
      CHECK(count == 0);
      total += count;
    }
    if (total == 0) l0::test::forbid_eigen_allocations([&] { step(); });  // would end the program
  }

  l0::Rng rng{1};
  l0::L0Linear<Scalar, Grouping> layer;
  l0::Adam<Scalar> optimizer;
  l0::L0Penalty<Scalar> penalty{.lambda = Scalar(1e-3)};
  Batch X;
  Matrix<Scalar> y;
  Matrix<Scalar> gradient{};
  Matrix<Scalar> grad_X{};
};

/// Opens the first `open` gates of a layer for all noise and closes the others.
void open_first(auto& layer, Index open) {
  layer.log_alpha().setConstant(-20);
  layer.log_alpha().topRows(open).setConstant(20);
}

constexpr Index open_counts[] = {3, 90, 1, 100, 50, 0, 77, 20};  // of 100

}  // namespace

#if L0_TEST_COUNTS_ALLOCATIONS
TEST_CASE("The counter sees allocations", "[allocation]") {
  CHECK(l0::test::allocations_in([] { ::operator delete(::operator new(8)); }) > 0);
  CHECK(l0::test::allocations_in([] { Eigen::VectorXd(1000).setOnes(); }) > 0);
  CHECK(l0::test::allocations_in([] { std::free(std::aligned_alloc(64, 64)); }) > 0);
  CHECK(l0::test::allocations_in([] {}) == 0);
}
#endif

TEST_CASE("A step of a layer 784 to 256 with a gate per weight allocates nothing", "[allocation]") {
  l0::Rng rng(2);
  Steps<float, l0::PerWeight, Matrix<float>>(784, 256, noise<float>(rng, 128, 784)).check();
}

TEST_CASE("A step with a changing number of open inputs allocates nothing", "[allocation]") {
  l0::Rng rng(2);
  const Matrix<float> X = noise<float>(rng, 128, 100);
  const auto check = [](auto steps) { steps.check([&](int k) { open_first(steps.layer, open_counts[k]); }); };
  SECTION("dense") { check(Steps<float, l0::PerInput, Matrix<float>>(100, 300, X)); }
  SECTION("dense by rows") {
    check(
        Steps<float, l0::PerInput, Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(100, 30, X));
  }
  SECTION("dense with one output") { check(Steps<float, l0::PerInput, Matrix<float>>(100, 1, X)); }
  SECTION("sparse by columns") {
    check(Steps<float, l0::PerInput, Eigen::SparseMatrix<float>>(100, 30, X.sparseView()));
  }
  SECTION("sparse by rows") {
    check(Steps<float, l0::PerInput, Eigen::SparseMatrix<float, Eigen::RowMajor>>(100, 30, X.sparseView()));
  }
}

TEST_CASE("A step with gates per sample allocates nothing", "[allocation]") {
  l0::Rng rng(2);
  Steps<float, l0::PerInput, Matrix<float>>(100, 30, noise<float>(rng, 128, 100), {.gates_per_sample = true}).check();
}

TEMPLATE_TEST_CASE("A step with many samples, features or outputs allocates nothing", "[allocation]", Matrix<float>,
                   Rows) {
  l0::Rng rng(2);
  struct Shape {
    Index samples, inputs, outputs;
  };
  // Products with vectors, longer than what Eigen takes from the stack.
  for (const auto& [samples, inputs, outputs] :
       {Shape{40000, 3, 1}, {3, 40000, 1}, {1, 40000, 1}, {40000, 1, 2}, {1, 3, 40000}}) {
    CAPTURE(samples, inputs, outputs);
    // Nearly all gates are open: no input is skipped.
    Steps<float, l0::PerWeight, TestType>(inputs, outputs, noise<float>(rng, samples, inputs), {.init_sparsity = 0.01F})
        .check();
  }
}

TEST_CASE("Another batch of the same size allocates nothing", "[allocation]") {
  l0::Rng rng(2);
  const Matrix<float> first = noise<float>(rng, 128, 50);
  const Matrix<float> second = noise<float>(rng, 128, 50);
  l0::L0Linear<float> layer(50, 20, rng);
  layer.forward(first, rng);
  CHECK(l0::test::allocations_in([&] { layer.forward(second, rng); }) == 0);
}

TEST_CASE("A step of soft trees allocates nothing", "[allocation]") {
  l0::Rng rng(1);
  l0::SoftTree<float> tree(300, 3, rng, {.trees = 20, .depth = 4});
  l0::Adam<float> optimizer(tree.parameters(), {.learning_rate = 0.01F});
  const l0::L0Penalty<float> penalty{.lambda = 1e-3F};
  const l0::Matrix<float> x = l0::Matrix<float>::Random(256, 300);
  const l0::Matrix<float> y = l0::Matrix<float>::Random(256, 3);
  l0::Matrix<float> gradient;
  const auto step = [&] {
    optimizer.zero_grad();
    l0::mse_loss(tree.forward(x, rng), y, gradient);
    tree.backward(gradient);
    penalty.accumulate(tree);
    optimizer.step();
  };
  for (l0::Index j = 0; j < 300; ++j) tree.log_alpha()(j) = j % 4 == 0 ? 20.0F : -20.0F;
  step();
  int total = 0;
  for (const float log_alpha : {-20.0F, 1.0F, 20.0F}) {
    tree.log_alpha().setConstant(log_alpha);
    total += l0::test::allocations_in(step);
  }
  CHECK(total == 0);
  if (total == 0) l0::test::forbid_eigen_allocations(step);  // would end the program
}

}  // namespace tests::layers::allocation
