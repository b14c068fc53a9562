// SPDX-License-Identifier: MIT
// What the functions of the distribution say about each other, and their limits.
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

#include <l0/gates/hard_concrete.hpp>
#include "gates/quadrature_reference.hpp"
#include "support/catch.hpp"

namespace {

using l0::Evaluation;
using l0::HardConcrete;

template <class Scalar>
std::vector<HardConcrete<Scalar>> distributions() {
  return {{Scalar(0.1), Scalar(-0.1), Scalar(1.1)},
          {Scalar(0.5), Scalar(-0.1), Scalar(1.1)},
          {Scalar(2.0 / 3), Scalar(-0.05), Scalar(1.2)},
          {Scalar(2), Scalar(-0.3), Scalar(1.05)}};
}

}  // namespace

TEST_CASE("The density integrates to what the point masses leave", "[gates]") {
  for (const auto& d : distributions<double>()) {
    for (const double a : {-19.0, -5.0, -1.0, 0.0, 0.5, 3.0, 19.0}) {
      CAPTURE(d.temperature, d.gamma, d.zeta, a);
      const auto density = [&](long double t, long double) {
        return static_cast<long double>(d.pdf(static_cast<double>(t), a));
      };
      const double between = 1 - d.zero_probability(a) - d.one_probability(a);
      CHECK(static_cast<double>(l0::test::integrate(density)) == Approx(between).epsilon(1e-10).margin(1e-15));
    }
  }
}

TEST_CASE("In the tails density and point masses keep their relative accuracy", "[gates]") {
  // By hand, for β = 1: P(z > t) = σ(log α − log r(t)).
  const HardConcrete<double> d{1.0, -0.1, 1.1};
  const double tiny = std::exp(-19.0);
  CHECK(d.zero_probability(19) == Approx(tiny * (0.1 / 1.1) / (1 + tiny * (0.1 / 1.1))).epsilon(1e-13));
  CHECK(d.one_probability(-19) == Approx(tiny / 11 / (1 + tiny / 11)).epsilon(1e-13));
  CHECK(d.cdf(0.5, 19) == Approx(tiny / (1 + tiny)).epsilon(1e-13));
  CHECK(d.survival(0.5, -19) == Approx(tiny / (1 + tiny)).epsilon(1e-13));
  const double density = 1.2 / 0.36 * tiny / ((1 + tiny) * (1 + tiny));
  CHECK(d.pdf(0.5, -19) == Approx(density).epsilon(1e-13));
  CHECK(d.pdf(0.5, 19) == Approx(density).epsilon(1e-13));
}

TEMPLATE_TEST_CASE("Masses, cdf and survival function agree", "[gates]", float, double) {
  const double epsilon = 8 * static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const auto& d : distributions<TestType>()) {
    for (const TestType a : std::initializer_list<TestType>{-25, -7, -1, 0, 2, 9, 25}) {
      CAPTURE(d.temperature, a);
      CHECK(d.active_probability(a) + d.zero_probability(a) == Approx(1).epsilon(epsilon));
      CHECK(d.cdf(0, a) == Approx(d.zero_probability(a)).epsilon(epsilon));
      CHECK(d.survival(0, a) == Approx(d.active_probability(a)).epsilon(epsilon));
      for (const TestType t : {TestType(0), TestType(0.25), TestType(0.75)}) {
        CHECK(d.cdf(t, a) + d.survival(t, a) == Approx(1).epsilon(epsilon));
        CHECK(d.cdf(t, a) <= d.cdf(t + TestType(0.2), a));
      }
      const TestType almost_one = 1 - std::numeric_limits<TestType>::epsilon();
      CHECK(d.survival(almost_one, a) == Approx(d.one_probability(a)).epsilon(1000 * epsilon));
    }
  }
}

TEMPLATE_TEST_CASE("Outside [0, 1) cdf, survival function and density are constant", "[gates]", float, double) {
  const HardConcrete<TestType> d{};
  const auto a = static_cast<TestType>(0.3);
  for (const TestType t : {TestType(-3), TestType(-1e-6)}) {
    CHECK(d.cdf(t, a) == 0);
    CHECK(d.survival(t, a) == 1);
    CHECK(d.pdf(t, a) == 0);
    CHECK(d.cdf_derivative(t, a) == 0);
    CHECK(d.survival_derivative(t, a) == 0);
    CHECK(d.pdf_derivative(t, a) == 0);
  }
  for (const TestType t : {TestType(1), TestType(5)}) {
    CHECK(d.cdf(t, a) == 1);
    CHECK(d.survival(t, a) == 0);
    CHECK(d.pdf(t, a) == 0);
    CHECK(d.cdf_derivative(t, a) == 0);
    CHECK(d.survival_derivative(t, a) == 0);
    CHECK(d.pdf_derivative(t, a) == 0);
  }
  CHECK(d.pdf(0, a) == 0);
}

TEST_CASE("The quantile inverts the cdf", "[gates]") {
  for (const auto& d : distributions<double>()) {
    for (const double a : {-3.0, 0.0, 0.7, 4.0}) {
      for (double p = 0.01; p < 1; p += 0.04) {
        CAPTURE(d.temperature, a, p);
        const double t = d.quantile(p, a);
        if (p <= d.zero_probability(a)) {
          CHECK(t == Approx(0).margin(1e-12));
        } else if (p >= 1 - d.one_probability(a)) {
          CHECK(t == 1);
        } else {
          CHECK(d.cdf(t, a) == Approx(p).epsilon(1e-11));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("A sample is the quantile of its noise, which is cut off", "[gates]", float, double) {
  const HardConcrete<TestType> d{.temperature = TestType(5)};
  const auto epsilon = static_cast<TestType>(1e-6);
  const auto highest = static_cast<TestType>(1 - 1e-6);
  for (const TestType a : std::initializer_list<TestType>{-9, 0, 9}) {
    for (const TestType u : {TestType(0.01), TestType(0.5), TestType(0.99)}) {
      CHECK(d.sample(u, a) == d.quantile(u, a));
    }
    for (const TestType u : {TestType(0), TestType(1e-9)}) CHECK(d.sample(u, a) == d.quantile(epsilon, a));
    CHECK(d.sample(1, a) == d.quantile(highest, a));
  }
  CHECK(d.sample(0, 9) > 0);  // not clamped, so that the cut shows
  CHECK(d.sample(1, -9) < 1);
}

TEMPLATE_TEST_CASE("log alpha is cut off at 20, where derivatives end", "[gates]", float, double) {
  const HardConcrete<TestType> d{.temperature = TestType(10)};  // gates at ±20 are in (0, 1)
  const auto t = static_cast<TestType>(0.5);
  const auto u = static_cast<TestType>(0.4);
  for (const TestType sign : std::initializer_list<TestType>{-1, 1}) {
    const TestType at = sign * 20;
    for (const TestType beyond : {sign * TestType(20.001), sign * std::numeric_limits<TestType>::infinity()}) {
      CHECK(d.sample(u, beyond) == d.sample(u, at));
      CHECK(d.quantile(u, beyond) == d.quantile(u, at));
      CHECK(d.deterministic(beyond) == d.deterministic(at));
      CHECK(d.deterministic(beyond, Evaluation::without_temperature) ==
            d.deterministic(at, Evaluation::without_temperature));
      CHECK(d.active_probability(beyond) == d.active_probability(at));
      CHECK(d.zero_probability(beyond) == d.zero_probability(at));
      CHECK(d.one_probability(beyond) == d.one_probability(at));
      CHECK(d.cdf(t, beyond) == d.cdf(t, at));
      CHECK(d.survival(t, beyond) == d.survival(t, at));
      CHECK(d.pdf(t, beyond) == d.pdf(t, at));

      CHECK(d.sample_derivative(u, beyond) == 0);
      CHECK(d.quantile_derivative(u, beyond) == 0);
      CHECK(d.deterministic_derivative(beyond) == 0);
      CHECK(d.active_probability_derivative(beyond) == 0);
      CHECK(d.zero_probability_derivative(beyond) == 0);
      CHECK(d.one_probability_derivative(beyond) == 0);
      CHECK(d.cdf_derivative(t, beyond) == 0);
      CHECK(d.survival_derivative(t, beyond) == 0);
      CHECK(d.pdf_derivative(t, beyond) == 0);
    }
    CHECK(d.deterministic_derivative(at) > 0);
    CHECK(d.quantile_derivative(u, at) > 0);
  }
  CHECK(HardConcrete<TestType>{}.active_probability_derivative(5) > 0);
}

TEMPLATE_TEST_CASE("Towards temperature 0 a gate becomes a coin that opens with probability sigma(log alpha)",
                   "[gates]", float, double) {
  for (const TestType a : std::initializer_list<TestType>{-2, 0, 1}) {
    const HardConcrete<TestType> d{.temperature = TestType(1e-4)};
    const double p = 1 / (1 + std::exp(-static_cast<double>(a)));
    CHECK(d.active_probability(a) == Approx(p).epsilon(1e-3));
    CHECK(d.one_probability(a) == Approx(p).epsilon(1e-3));
    CHECK(d.mean(a) == Approx(p).epsilon(1e-3));
    CHECK(d.variance(a) == Approx(p * (1 - p)).epsilon(1e-3));
    CHECK(d.sample(static_cast<TestType>(1 - p + 0.01), a) == 1);
    CHECK(d.sample(static_cast<TestType>(1 - p - 0.01), a) == 0);
  }
}

TEMPLATE_TEST_CASE("log alpha of a given initial sparsity", "[gates]", float, double) {
  using Distribution = HardConcrete<TestType>;
  CHECK(Distribution::initial_log_alpha(TestType(0.5)) == 0);
  CHECK(Distribution::initial_log_alpha(TestType(0.25)) == Approx(std::log(3.0)));
  CHECK(Distribution::initial_log_alpha(TestType(0.9)) == Approx(-std::log(9.0)));
  // The figure that the documentation gives for the defaults.
  CHECK(Distribution{}.active_probability(Distribution::initial_log_alpha(TestType(0.5))) ==
        Approx(0.77).margin(0.005));
}

TEMPLATE_TEST_CASE("The deterministic gate in both conventions", "[gates]", float, double) {
  const HardConcrete<TestType> d{.temperature = TestType(0.5)};
  const auto a = static_cast<TestType>(0.8);
  CHECK(d.deterministic(a) == Approx(1.2 / (1 + std::exp(-1.6)) - 0.1));
  CHECK(d.deterministic(a, Evaluation::without_temperature) == Approx(1.2 / (1 + std::exp(-0.8)) - 0.1));
  CHECK(d.deterministic(-20) == 0);
  CHECK(d.deterministic(20) == 1);
}
