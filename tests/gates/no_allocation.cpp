// SPDX-License-Identifier: MIT
// After the first, a step with gates takes nothing from the heap.
#include <memory>

#include <l0/gates/gate.hpp>
#include "gates/distributions.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

namespace tests::gates::no_allocation {

using l0::Gate;
using l0::GivenNoise;
using l0::Matrix;
using l0::Vector;

namespace {

/// How often `work` takes memory from the heap; where that cannot be counted, Eigen ends the program if it does.
template <class Work>
int heap_use(Work&& work) {
  if (L0_TEST_COUNTS_ALLOCATIONS) return l0::test::allocations_in(work);
  l0::test::forbid_eigen_allocations(work);
  return 0;
}

}  // namespace

#if L0_TEST_COUNTS_ALLOCATIONS
TEST_CASE("Allocations are counted", "[gates]") {
  std::unique_ptr<int> number;
  Eigen::VectorXd vector;
  CHECK(heap_use([] {}) == 0);
  CHECK(heap_use([&] { number = std::make_unique<int>(3); }) == 1);
  CHECK(heap_use([&] { vector.resize(100); }) == 1);
}
#endif

TEMPLATE_TEST_CASE("No step with gates allocates, but the first", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const l0::Rng rng(1);
  Gate<TestType, Eigen::Dynamic> gate(37, 11);
  const GivenNoise<Scalar> noise(Matrix<Scalar>::Constant(37, 11, Scalar(0.4)));
  const Matrix<Scalar> upstream = Matrix<Scalar>::Ones(37, 11);
  const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = upstream;
  const auto step = [&] {
    gate.set_temperature(Scalar(0.4));
    gate.sample(rng);
    gate.backward(upstream);
    gate.sample(noise);
    gate.backward(by_rows);
    gate.backward(2 * upstream);
    gate.accumulate_expected_l0(Scalar(0.1));
    gate.accumulate_active_gradient(upstream);
    gate.expected_l0();
  };
  step();
  CHECK(heap_use(step) == 0);
}

TEMPLATE_TEST_CASE("Nor does a step with frozen gates", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const l0::Rng rng(1);
  Gate<TestType> gate(100);
  gate.freeze();
  const Vector<Scalar> upstream = Vector<Scalar>::Ones(100);
  const auto step = [&] {
    gate.sample(rng);
    gate.backward(upstream);
  };
  step();
  CHECK(heap_use(step) == 0);
}

TEMPLATE_TEST_CASE("Nor does a step with gates per sample", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const l0::Rng rng(1);
  Gate<TestType> gate(30);
  const Matrix<Scalar> upstream = Matrix<Scalar>::Ones(50, 30);
  const auto step = [&] {
    gate.sample_each(50, rng);
    gate.backward_each(upstream);
  };
  step();
  CHECK(heap_use(step) == 0);
  gate.freeze();
  step();
  CHECK(heap_use(step) == 0);
}

}  // namespace tests::gates::no_allocation
