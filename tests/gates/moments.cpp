// SPDX-License-Identifier: MIT
// Moments where the integrands are difficult: small and large temperatures, and a stretch that hardly reaches past 0
// and 1, against quadrature in long double.
#include <cmath>
#include <initializer_list>

#include <l0/gates/hard_concrete.hpp>
#include "gates/quadrature_reference.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::moments {

namespace {

using l0::HardConcrete;
using l0::test::close;
using l0::test::ReferenceMoments;
namespace tolerance = l0::test::tolerance;

/// The bound of the library's contract, 1e-10 relative, at every temperature. The derivative of the variance changes
/// its sign where gates are half open, a difference of terms as large as the derivative of the mean: it may be off by
/// 1e-14 of those.
void check_moments(double temperature, double gamma, double zeta) {
  const l0::MomentRule rule = HardConcrete<double>{temperature, gamma, zeta}.moment_rule();
  for (const double a : {-20.0, -15.0, -8.0, -3.0, -0.7, 0.0, 1e-9, 0.4, 2.0, 5.0, 12.0, 20.0}) {
    CAPTURE(temperature, gamma, zeta, a);
    const l0::GateMoments actual = rule.evaluate(a);
    const ReferenceMoments expected(temperature, gamma, zeta, a);
    CHECK(close(actual.mean, expected.mean, tolerance::moments));
    CHECK(close(actual.variance, expected.variance, tolerance::moments));
    CHECK(close(actual.mean_derivative, expected.mean_derivative, tolerance::moments));
    CHECK(close(actual.variance_derivative, expected.variance_derivative, {1e-10, 1e-4 * expected.mean_derivative}));
  }
}

}  // namespace

TEST_CASE("The reference quadrature is right where the integral is known", "[gates]") {
  CHECK(std::abs(l0::test::integrate([](auto t, auto) { return t * t; }) - 1.0L / 3) < 1e-17L);
  CHECK(std::abs(l0::test::integrate([](auto t, auto) { return std::sqrt(t); }) - 2.0L / 3) < 1e-17L);
  CHECK(std::abs(l0::test::integrate([](auto, auto rest) { return std::log(rest); }) + 1) < 1e-17L);
  CHECK(ReferenceMoments(0.5, -0.1, 1.1, 0).mean == Approx(0.5).epsilon(1e-15));
}

TEST_CASE("Moments at usual temperatures", "[gates]") {
  for (const double temperature : {0.1, 0.33, 0.5, 2.0 / 3, 1.0, 2.0}) check_moments(temperature, -0.1, 1.1);
}

TEST_CASE("Moments at temperatures below 0.1", "[gates]") {
  for (const double temperature : {1e-6, 1e-3, 0.01, 0.05}) check_moments(temperature, -0.1, 1.1);
}

TEST_CASE("Moments at large temperatures", "[gates]") {
  for (const double temperature : {3.0, 5.0, 10.0, 30.0}) check_moments(temperature, -0.1, 1.1);
}

TEST_CASE("Moments at temperatures at which powers overflow", "[gates]") {
  for (const double temperature : {300.0, 1000.0, 3000.0}) {
    const l0::HardConcrete<double> gate{.temperature = temperature};
    const auto rule = gate.moment_rule();
    for (const double log_alpha : {-20.0, -3.0, 0.5, 3.0, 20.0}) {
      CAPTURE(temperature, log_alpha);
      const auto moments = rule.evaluate(log_alpha);
      // The noise is divided by β: a gate is all but its deterministic value.
      CHECK(std::abs(moments.mean - gate.deterministic(log_alpha)) < 1 / temperature);
      CHECK((moments.variance > 0 && moments.variance < 1 / temperature));
      CHECK((moments.mean_derivative > 0 && std::isfinite(moments.variance_derivative)));
    }
  }
}

TEST_CASE("Moments of a stretch that hardly reaches past 0 and 1", "[gates]") {
  for (const double temperature : {0.1, 0.5, 3.0, 10.0}) {
    check_moments(temperature, -0.01, 1.01);
    check_moments(temperature, -1e-4, 1.0001);
    check_moments(temperature, -1e-6, 1.3);
    check_moments(temperature, -0.2, 1.00001);
  }
}

TEST_CASE("Moments of a stretch that reaches far", "[gates]") {
  for (const double temperature : {0.1, 0.5, 3.0}) check_moments(temperature, -3, 5);
}

TEMPLATE_TEST_CASE("Beyond the clamp of log alpha moments stay, and their derivatives are 0", "[gates]", float,
                   double) {
  const HardConcrete<TestType> d{};
  for (const TestType sign : std::initializer_list<TestType>{-1, 1}) {
    CHECK(d.mean(sign * 21) == d.mean(sign * 20));
    CHECK(d.variance(sign * 300) == d.variance(sign * 20));
    CHECK(d.mean_derivative(sign * 20) > 0);
    CHECK(d.mean_derivative(sign * 21) == 0);
    CHECK(d.variance_derivative(sign * 21) == 0);
    CHECK(d.second_moment_derivative(sign * 21) == 0);
  }
}

TEST_CASE("A closed or open gate keeps the relative accuracy of its small moments", "[gates]") {
  const HardConcrete<double> d{};
  CHECK(d.mean(-20) > 0);
  CHECK(d.mean(-20) < 1e-8);
  CHECK(d.variance(20) > 0);
  CHECK(d.variance(20) < 1e-8);
  // Symmetric stretch: 1 − z at −log α has the distribution of z.
  for (const double a : {0.3, 2.0, 9.0, 19.0}) {
    CHECK(close(d.variance(a), d.variance(-a), tolerance::moments));
    CHECK(close(d.variance_derivative(a), -d.variance_derivative(-a), {1e-10, 1e-4 * d.mean_derivative(a)}));
    CHECK(d.mean(a) + d.mean(-a) == Approx(1).epsilon(1e-14));
  }
}

}  // namespace tests::gates::moments
