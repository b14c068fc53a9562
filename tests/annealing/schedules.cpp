// SPDX-License-Identifier: MIT
#include <limits>
#include <type_traits>

#include <l0/annealing/schedules.hpp>
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::annealing::schedules {

namespace {

using Catch::Matchers::Message;
using l0::Index;

template <class Scalar>
Scalar temperature(int kind, Scalar from, Scalar to, Index steps, Index step) {
  switch (kind) {
    case 0: return l0::LinearAnnealing<Scalar>{from, to, steps}(step);
    case 1: return l0::ExponentialAnnealing<Scalar>{from, to, steps}(step);
    default: return l0::CosineAnnealing<Scalar>{from, to, steps}(step);
  }
}

static_assert(l0::AnnealingSchedule<l0::ConstantAnnealing<float>>);
static_assert(l0::AnnealingSchedule<l0::LinearAnnealing<double>>);
static_assert(l0::AnnealingSchedule<l0::ExponentialAnnealing<float>>);
static_assert(l0::AnnealingSchedule<l0::CosineAnnealing<double>>);
static_assert(l0::AnnealingSchedule<decltype([](Index step) { return step < 5 ? 1.0F : 0.5F; })>);
static_assert(l0::AnnealingSchedule<double (*)(Index)>);
static_assert(!l0::AnnealingSchedule<double>);
static_assert(!l0::AnnealingSchedule<decltype([](const char*) { return 1.0; })>);
static_assert(!l0::AnnealingSchedule<decltype([](Index) { return "warm"; })>);

}  // namespace

TEMPLATE_TEST_CASE("Schedules reproduce the reference values", "[annealing]", float, double) {
  const l0::test::Golden golden(l0::test::data_file("schedules.txt"));
  const auto kind = golden.indices("kind");
  const auto steps = golden.indices("anneal_epochs");
  const auto step = golden.indices("epoch");
  const Eigen::VectorXd from = golden.vector("initial");
  const Eigen::VectorXd to = golden.vector("final");
  REQUIRE(kind.size() == 438);

  Eigen::VectorXd actual(from.size());
  Eigen::VectorXd expected = golden.vector("temperature");
  for (Index i = 0; i < from.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const auto a = static_cast<TestType>(from(i));
    const auto b = static_cast<TestType>(to(i));
    const int formula = static_cast<int>(kind[k]);
    actual(i) = temperature<TestType>(formula, a, b, steps[k], step[k]);
    if (std::is_same_v<TestType, float>) expected(i) = temperature<double>(formula, a, b, steps[k], step[k]);
  }
  CHECK(l0::test::close(actual, expected, l0::test::tolerance::of<TestType>));
}

TEMPLATE_TEST_CASE("Schedules begin at `from`, end at `to` exactly and stay there", "[annealing]", float, double) {
  const auto from = static_cast<TestType>(2.3);
  const auto to = static_cast<TestType>(0.07);
  for (int kind = 0; kind < 3; ++kind) {
    CAPTURE(kind);
    CHECK(temperature(kind, from, to, 10, 0) == Approx(from).epsilon(1e-6));
    CHECK(temperature(kind, from, to, 10, -3) == temperature(kind, from, to, 10, 0));
    CHECK(temperature(kind, from, to, 10, 10) == to);
    CHECK(temperature(kind, from, to, 10, 11) == to);
    CHECK(temperature(kind, from, to, 10, std::numeric_limits<Index>::max()) == to);
    for (Index step = 0; step < 10; ++step) {
      CHECK(temperature(kind, from, to, 10, step) > temperature(kind, from, to, 10, step + 1));
    }
  }
}

TEMPLATE_TEST_CASE("Halfway, the schedules are at their means", "[annealing]", float, double) {
  CHECK(temperature<TestType>(0, 4, 1, 2, 1) == Approx(2.5));
  CHECK(temperature<TestType>(1, 4, 1, 2, 1) == Approx(2.0));
  CHECK(temperature<TestType>(2, 4, 1, 2, 1) == Approx(2.5));
  CHECK(temperature<TestType>(2, 4, 1, 3, 1) == Approx(3.25));  // cos π/3 = ½
}

TEMPLATE_TEST_CASE("Without steps a schedule is over at once", "[annealing]", float, double) {
  for (int kind = 0; kind < 3; ++kind) {
    for (const Index step : {-1, 0, 1, 100}) {
      CAPTURE(kind, step);
      CHECK(temperature<TestType>(kind, 2, 1, 0, step) == 1);
    }
  }
}

TEMPLATE_TEST_CASE("The defaults go from 2 to 0.1 in 100 steps", "[annealing]", float, double) {
  CHECK(l0::ConstantAnnealing<TestType>{}(17) == TestType(0.5));
  CHECK(l0::ConstantAnnealing<TestType>{.temperature = TestType(0.3)}(-1) == TestType(0.3));
  CHECK(l0::LinearAnnealing<TestType>{}(50) == Approx(1.05));
  CHECK(l0::ExponentialAnnealing<TestType>{}(50) == Approx(std::sqrt(0.2)));
  CHECK(l0::CosineAnnealing<TestType>{}(50) == Approx(1.05));
  CHECK(l0::LinearAnnealing<TestType>{}(100) == TestType(0.1));
}

TEST_CASE("Impossible schedules are refused", "[annealing]") {
  for (int kind = 0; kind < 3; ++kind) {
    CHECK_THROWS_MATCHES(temperature(kind, 2.0, 0.1, -1, 0), l0::Error,
                         Message("l0: steps is -1, expected a number of steps >= 0"));
  }
  CHECK_THROWS_MATCHES(temperature(1, 0.0, 0.1, 10, 0), l0::Error,
                       Message("l0: from is 0, expected a finite number > 0"));
  CHECK_THROWS_MATCHES(temperature(1, 2.0, -0.1, 10, 0), l0::Error,
                       Message("l0: to is -0.1, expected a finite number > 0"));
  CHECK_THROWS_AS(temperature(1, 2.0, std::numeric_limits<double>::quiet_NaN(), 10, 0), l0::Error);
  CHECK_THROWS_AS(temperature(1, 2.0, 0.0, 10, 20), l0::Error);  // also when it is over
}

}  // namespace tests::annealing::schedules
