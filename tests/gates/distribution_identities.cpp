// SPDX-License-Identifier: MIT
// What the functions of the distribution say about each other, and their limits.
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

#include "gates/distributions.hpp"
#include "gates/quadrature_reference.hpp"
#include "support/catch.hpp"

namespace tests::gates::distribution_identities {

namespace {

using l0::ClippedGaussian;
using l0::Evaluation;
using l0::HardConcrete;

template <class Scalar>
std::vector<HardConcrete<Scalar>> some(const HardConcrete<Scalar>& /*kind*/) {
  return {{Scalar(0.1), Scalar(-0.1), Scalar(1.1)},
          {Scalar(0.5), Scalar(-0.1), Scalar(1.1)},
          {Scalar(2.0 / 3), Scalar(-0.05), Scalar(1.2)},
          {Scalar(2), Scalar(-0.3), Scalar(1.05)}};
}
template <class Scalar>
std::vector<ClippedGaussian<Scalar>> some(const ClippedGaussian<Scalar>& /*kind*/) {
  return {{Scalar(0.2)}, {Scalar(0.5)}, {Scalar(2.0 / 3)}, {Scalar(2)}};
}

/// So wide that the cut of the noise at 1e−6 shows at a location of 9.
template <class Scalar>
HardConcrete<Scalar> wide(const HardConcrete<Scalar>& /*kind*/) {
  return {Scalar(5)};
}
template <class Scalar>
ClippedGaussian<Scalar> wide(const ClippedGaussian<Scalar>& /*kind*/) {
  return {Scalar(1.8)};
}

}  // namespace

TEMPLATE_TEST_CASE("The density integrates to what the point masses leave", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const auto& d : some(TestType{})) {
    for (const double a : {-19.0, -5.0, -1.0, 0.0, 0.5, 3.0, 19.0}) {
      CAPTURE(d.temperature, a);
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

TEMPLATE_TEST_CASE("Masses, cdf and survival function agree", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const double epsilon = 8 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  for (const auto& d : some(TestType{})) {
    for (const Scalar a : std::initializer_list<Scalar>{-25, -7, -1, 0, 2, 9, 25}) {
      CAPTURE(d.temperature, a);
      CHECK(d.active_probability(a) + d.zero_probability(a) == Approx(1).epsilon(epsilon));
      CHECK(d.cdf(0, a) == Approx(d.zero_probability(a)).epsilon(epsilon));
      CHECK(d.survival(0, a) == Approx(d.active_probability(a)).epsilon(epsilon));
      for (const Scalar t : {Scalar(0), Scalar(0.25), Scalar(0.75)}) {
        CHECK(d.cdf(t, a) + d.survival(t, a) == Approx(1).epsilon(epsilon));
        CHECK(d.cdf(t, a) <= d.cdf(t + Scalar(0.2), a));
      }
      const Scalar almost_one = 1 - std::numeric_limits<Scalar>::epsilon();
      CHECK(d.survival(almost_one, a) == Approx(d.one_probability(a)).epsilon(1000 * epsilon));
    }
  }
}

TEMPLATE_TEST_CASE("Outside [0, 1) cdf, survival function and density are constant", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const TestType d{};
  const auto a = static_cast<Scalar>(0.3);
  for (const Scalar t : {Scalar(-3), Scalar(-1e-6)}) {
    CHECK(d.cdf(t, a) == 0);
    CHECK(d.survival(t, a) == 1);
    CHECK(d.pdf(t, a) == 0);
    CHECK(d.cdf_derivative(t, a) == 0);
    CHECK(d.survival_derivative(t, a) == 0);
    CHECK(d.pdf_derivative(t, a) == 0);
  }
  for (const Scalar t : {Scalar(1), Scalar(5)}) {
    CHECK(d.cdf(t, a) == 1);
    CHECK(d.survival(t, a) == 0);
    CHECK(d.pdf(t, a) == 0);
    CHECK(d.cdf_derivative(t, a) == 0);
    CHECK(d.survival_derivative(t, a) == 0);
    CHECK(d.pdf_derivative(t, a) == 0);
  }
  CHECK(d.pdf(0, a) == 0);
}

TEMPLATE_TEST_CASE("The quantile inverts the cdf", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const auto& d : some(TestType{})) {
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

TEMPLATE_TEST_CASE("A sample is the quantile of its noise, which is cut off", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const TestType d = wide(TestType{});
  const auto epsilon = static_cast<Scalar>(1e-6);
  const auto highest = static_cast<Scalar>(1 - 1e-6);
  for (const Scalar a : std::initializer_list<Scalar>{-9, 0, 9}) {
    for (const Scalar u : {Scalar(0.01), Scalar(0.5), Scalar(0.99)}) {
      CHECK(d.sample(u, a) == d.quantile(u, a));
    }
    for (const Scalar u : {Scalar(0), Scalar(1e-9)}) CHECK(d.sample(u, a) == d.quantile(epsilon, a));
    CHECK(d.sample(1, a) == d.quantile(highest, a));
  }
  CHECK(d.sample(0, 9) > 0);  // not clamped, so that the cut shows
  CHECK(d.sample(1, -9) < 1);
}

TEMPLATE_TEST_CASE("The location is cut off at 20, where derivatives end", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const TestType d{.temperature = Scalar(10)};  // gates at ±20 are in (0, 1)
  const auto t = static_cast<Scalar>(0.5);
  for (const Scalar sign : std::initializer_list<Scalar>{-1, 1}) {
    const Scalar at = sign * 20;
    // Noise at which a gate at ±20 is neither 0 nor 1.
    const Scalar u = l0::test::is_hard_concrete<TestType> ? Scalar(0.4) : d.cdf(t, at);
    for (const Scalar beyond : {sign * Scalar(20.001), sign * std::numeric_limits<Scalar>::infinity()}) {
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
    CHECK(d.quantile_derivative(u, at) > 0);
    if constexpr (l0::test::is_hard_concrete<TestType>) CHECK(d.deterministic_derivative(at) > 0);
  }
  CHECK(TestType{}.active_probability_derivative(Scalar(0.7)) > 0);
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

TEMPLATE_TEST_CASE("mu of a given initial sparsity", "[gates]", float, double) {
  const ClippedGaussian<TestType> d{};
  CHECK(d.initial_location(TestType(0.5)) == TestType(0.5));
  // Φ⁻¹(0.9) = 1.2815515655446004, Φ(1) = 0.8413447460685429
  CHECK(d.initial_location(TestType(0.1)) == Approx(0.5 + 0.5 * 1.2815515655446004));
  CHECK(d.initial_location(TestType(0.9)) == Approx(0.5 - 0.5 * 1.2815515655446004));
  CHECK(d.active_probability(d.initial_location(TestType(0.5))) == Approx(0.8413447460685429));
}

TEST_CASE("Normal tails keep their relative accuracy", "[gates]") {
  const ClippedGaussian<double> d{1.0};
  // Φ(−8) and Φ⁻¹(1e−12), to 17 digits
  CHECK(d.active_probability(-8) == Approx(6.2209605742717841e-16).epsilon(1e-13));
  CHECK(d.zero_probability(8) == Approx(6.2209605742717841e-16).epsilon(1e-13));
  CHECK(d.quantile(1e-12, 7.5) == Approx(7.5 - 7.0344838253011318).epsilon(1e-13));
}

TEMPLATE_TEST_CASE("A Gaussian gate without noise is its clipped mean", "[gates]", float, double) {
  const ClippedGaussian<TestType> d{};
  for (const Evaluation evaluation : {Evaluation::with_temperature, Evaluation::without_temperature}) {
    CHECK(d.deterministic(TestType(0.3), evaluation) == TestType(0.3));
    CHECK(d.deterministic(-2, evaluation) == 0);
    CHECK(d.deterministic(2, evaluation) == 1);
  }
  CHECK(d.mean(TestType(0.5)) == Approx(0.5));
  const ClippedGaussian<TestType> cold{TestType(1e-4)};
  CHECK(cold.mean(TestType(0.3)) == Approx(0.3));
  CHECK(cold.variance(TestType(0.3)) == Approx(1e-8));
}

}  // namespace tests::gates::distribution_identities
