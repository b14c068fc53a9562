// SPDX-License-Identifier: MIT
// minimize_smooth, the L-BFGS of the refits.
#include <l0/optimizers/lbfgs.hpp>

#include <cmath>
#include <limits>

#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::optimizers::smooth {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::minimize_smooth;
using l0::Vector;

/// Σ 100 (x₂ᵢ₊₁ − x₂ᵢ²)² + (1 − x₂ᵢ)², with its minimum 0 at (1, ..., 1).
struct Rosenbrock {
  template <class Scalar>
  Scalar operator()(const Vector<Scalar>& x, Vector<Scalar>& gradient) {
    ++calls;
    Scalar value = 0;
    for (Index i = 0; i < x.size(); i += 2) {
      const Scalar a = 1 - x(i);
      const Scalar b = 10 * (x(i + 1) - x(i) * x(i));
      value += a * a + b * b;
      gradient(i + 1) = 20 * b;
      gradient(i) = -2 * (x(i) * gradient(i + 1) + a);
    }
    return value;
  }
  int calls = 0;
};

/// Σ cⱼ (xⱼ − j)² / 2 with c between 1 and `condition`, of 20 numbers.
template <class Scalar>
auto quadratic(double condition) {
  return [condition](const Vector<Scalar>& x, Vector<Scalar>& gradient) {
    Scalar value = 0;
    for (Index j = 0; j < x.size(); ++j) {
      const auto c = static_cast<Scalar>(std::pow(condition, static_cast<double>(j) / 19));
      const Scalar d = x(j) - static_cast<Scalar>(j);
      value += c * d * d / 2;
      gradient(j) = c * d;
    }
    return value;
  };
}

}  // namespace

TEST_CASE("minimize_smooth finds the minimum of Rosenbrock's function") {
  for (const Index size : {2, 10}) {
    for (const Index memory : {1, 5, 10}) {
      CAPTURE(size, memory);
      Rosenbrock f;
      Vector<double> x(size);
      for (Index i = 0; i < size; i += 2) x.segment<2>(i) << -1.2, 1;
      const auto result = minimize_smooth(f, x, {.max_iterations = 2000, .memory = memory, .tolerance = 1e-9});
      CHECK(result.converged);
      CHECK(result.finite);
      CHECK(result.value < 1e-12);
      CHECK((x.array() - 1).abs().maxCoeff() < 1e-6);
      CHECK(result.iterations <= (memory == 1 ? 110 : 60));  // 40 to 45, and 83 for ten numbers with one pair
      CHECK(f.calls < 3 * result.iterations + 10);
    }
  }
}

TEMPLATE_TEST_CASE("minimize_smooth finds the minimum of quadratic functions", "", float, double) {
  const bool single = std::is_same_v<TestType, float>;
  for (const double condition : {1.0, 100.0, 1e4}) {
    CAPTURE(condition);
    Vector<TestType> x = Vector<TestType>::Zero(20);
    const auto result =
        minimize_smooth(quadratic<TestType>(condition), x, {.max_iterations = 1000, .tolerance = single ? 1e-4 : 1e-8});
    CHECK(result.converged);
    CHECK(result.iterations <= (condition <= 100 ? 120 : 800));  // what LBFGS++ takes, and some
    CHECK(l0::test::close(x, Vector<TestType>::LinSpaced(20, 0, 19), {single ? 1e-4 : 1e-7, 1}));
  }
}

TEST_CASE("minimize_smooth at the minimum stops at once") {
  Vector<double> x = Vector<double>::LinSpaced(20, 0, 19);
  const Vector<double> start = x;
  const auto result = minimize_smooth(quadratic<double>(10), x);
  CHECK(result.converged);
  CHECK(result.iterations == 0);
  CHECK(result.value == 0);
  CHECK(x == start);
}

TEST_CASE("minimize_smooth is never worse than at the start") {
  // A gradient of the wrong sign: no step can lower the value.
  const auto misleading = [](const Vector<double>& x, Vector<double>& gradient) {
    gradient = -2 * x;
    return x.squaredNorm();
  };
  Vector<double> x = Vector<double>::Ones(3);
  const auto result = minimize_smooth(misleading, x);
  CHECK(result.value <= 3);
  CHECK(x.squaredNorm() == Approx(result.value));
}

TEST_CASE("minimize_smooth backs away from where a function is not finite") {
  // −log x + x, finite for x > 0 only; the minimum is 1 at x = 1.
  const auto barrier = [](const Vector<double>& x, Vector<double>& gradient) {
    gradient = 1 - x.array().inverse();
    return x.sum() - x.array().log().sum();
  };
  Vector<double> x = Vector<double>::Constant(2, 30);
  const auto result = minimize_smooth(barrier, x);
  CHECK(result.converged);
  CHECK(result.value == Approx(2));
  CHECK(x.isOnes(1e-4));
}

TEST_CASE("minimize_smooth accepts no infinite gain and no point without a gradient") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const bool in_gradient : {false, true}) {
    CAPTURE(in_gradient);
    // (x − 1)² / 2, broken beyond x = 0.5 from a start at −3: the minimum there is out of reach.
    const auto broken = [&](const Vector<double>& x, Vector<double>& gradient) {
      gradient = x.array() - 1;
      const bool out = x(0) > 0.5;
      const double value = gradient.squaredNorm() / 2;
      if (out && in_gradient) gradient(0) = std::numeric_limits<double>::quiet_NaN();
      return out && !in_gradient ? -infinity : value;
    };
    Vector<double> x = Vector<double>::Constant(1, -3);
    const auto result = minimize_smooth(broken, x);
    CHECK(std::isfinite(result.value));
    CHECK(x(0) > -3);
    CHECK(x(0) <= 0.5);
  }
}

TEST_CASE("minimize_smooth says that the start is not finite and leaves it alone") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Vector<double> x(2);
  x << 1, nan;
  Rosenbrock f;
  CHECK_FALSE(minimize_smooth(f, x).finite);
  CHECK(f.calls == 1);
  CHECK(x(0) == 1);
  // The gradient alone is enough.
  Vector<double> ones = Vector<double>::Ones(2);
  const auto bad_gradient = [&](const Vector<double>&, Vector<double>& gradient) {
    gradient.setConstant(nan);
    return 1.0;
  };
  CHECK_FALSE(minimize_smooth(bad_gradient, ones).finite);
  CHECK(ones.isOnes(0));
}

TEST_CASE("minimize_smooth stops at the number of iterations asked for") {
  for (const Index most : {0, 1, 7}) {
    Rosenbrock f;
    Vector<double> x(2);
    x << -1.2, 1;
    const auto result = minimize_smooth(f, x, {.max_iterations = most});
    CHECK(result.iterations == most);
    CHECK_FALSE(result.converged);
    Vector<double> gradient(2);
    CHECK(result.value == Rosenbrock()(x, gradient));
  }
}

TEST_CASE("minimize_smooth forgets what it knows where that leads nowhere, and follows the gradient") {
  const auto smooth = quadratic<double>(1e4);
  Vector<double> x = Vector<double>::Zero(20);
  bool narrow = false;  // then nothing but the way down the gradient is finite
  int refused = 0;
  const auto f = [&](const Vector<double>& at, Vector<double>& gradient) {
    const double value = smooth(at, gradient);
    if (!narrow) return value;
    Vector<double> here(20);
    smooth(x, here);
    const Vector<double> way = at - x;
    if (-way.dot(here) > (1 - 1e-9) * way.norm() * here.norm()) return value;
    ++refused;
    return std::numeric_limits<double>::infinity();
  };
  const auto result = minimize_smooth(f, x, {.max_iterations = 1000, .tolerance = 1e-8}, [&](Index iterations, double) {
    narrow = iterations == 5;
    return true;
  });
  CHECK(refused == 40);
  CHECK(result.converged);
  CHECK((x - Vector<double>::LinSpaced(20, 0, 19)).cwiseAbs().maxCoeff() < 1e-6);
}

TEST_CASE("minimize_smooth of nothing") {
  Vector<double> x(0);
  const auto zero = [](const Vector<double>&, Vector<double>&) { return 3.0; };
  CHECK(minimize_smooth(zero, x).value == 3);
}

TEST_CASE("minimize_smooth keeps ten pairs and goes 500 steps unless told otherwise") {
  CHECK(l0::LbfgsOptions{}.memory == 10);
  CHECK(l0::LbfgsOptions{}.max_iterations == 500);
}

TEST_CASE("minimize_smooth refuses options outside their ranges") {
  Rosenbrock f;
  Vector<double> x = Vector<double>::Zero(2);
  CHECK_THROWS_MATCHES(minimize_smooth(f, x, {.max_iterations = -1}), l0::Error,
                       Message("l0: max_iterations is -1, expected a number >= 0"));
  CHECK_THROWS_MATCHES(minimize_smooth(f, x, {.memory = 0}), l0::Error,
                       Message("l0: memory is 0, expected a number >= 1"));
  CHECK(f.calls == 0);
}

}  // namespace tests::optimizers::smooth
