// SPDX-License-Identifier: MIT
// Every derivative of the distribution with respect to its location, and the density, against central differences.
#include <vector>

#include "gates/distributions.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::distribution_derivatives {

namespace {

using Eigen::Index;
using Eigen::VectorXd;
using l0::Evaluation;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

double derivative(auto f, double x) {
  const auto of_vector = [&](const VectorXd& point) { return f(point(0)); };
  return l0::test::numerical_gradient(of_vector, VectorXd::Constant(1, x), l0::test::Stencil::five_point)(0);
}

/// Some distributions of a kind, and locations that meet all of their shape.
template <class Distribution>
struct Range;

template <>
struct Range<l0::HardConcrete<double>> {
  l0::HardConcrete<double> distributions[5]{
      {0.1, -0.1, 1.1}, {0.5, -0.1, 1.1}, {2.0 / 3, -0.05, 1.2}, {1.0, -0.3, 1.05}, {3.0, -0.2, 1.4}};
  double first = -18.2;
  double step = 0.35;
  double last = 18.5;
};

template <>
struct Range<l0::ClippedGaussian<double>> {
  l0::ClippedGaussian<double> distributions[4]{{0.2}, {0.5}, {1.0}, {1.3}};
  double first = -2.03;
  double step = 0.053;
  double last = 4.2;
};

/// Compares over a range of locations. `is_smooth(d, location)` tells where no clamp is within reach of the difference.
template <class Distribution, class Function, class Derivative, class Smooth>
void check(Function function, Derivative analytic, Smooth is_smooth) {
  const Range<Distribution> range;
  for (const Distribution& d : range.distributions) {
    std::vector<double> actual;
    std::vector<double> expected;
    for (double a = range.first; a < range.last; a += range.step) {
      if (!is_smooth(d, a)) continue;
      actual.push_back(analytic(d, a));
      expected.push_back(derivative([&](double x) { return function(d, x); }, a));
    }
    CAPTURE(d.temperature);
    REQUIRE(actual.size() > 20);
    const auto numerical = VectorXd::Map(expected.data(), static_cast<Index>(expected.size()));
    CHECK(numerical.cwiseAbs().maxCoeff() > 0.005);
    CHECK(close(VectorXd::Map(actual.data(), numerical.size()), numerical, tolerance::gradient(numerical)));
  }
}

template <class Distribution, class Function, class Derivative>
void check(Function function, Derivative analytic) {
  check<Distribution>(function, analytic, [](auto&&, double) { return true; });
}

/// Smooth where `z` is on the same side of both clamps on the whole stencil.
auto away_from_clamps(auto z) {
  return [z](const auto& d, double a) {
    const double reach = 0.03;
    const double low = z(d, a - reach);
    const double high = z(d, a + reach);
    return (low > 0 && high < 1) || high == 0 || low == 1;
  };
}

}  // namespace

TEMPLATE_TEST_CASE("Derivatives of the probabilities of 0 and 1", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  check<TestType>([](auto& d, double a) { return d.active_probability(a); },
                  [](auto& d, double a) { return d.active_probability_derivative(a); });
  check<TestType>([](auto& d, double a) { return d.zero_probability(a); },
                  [](auto& d, double a) { return d.zero_probability_derivative(a); });
  check<TestType>([](auto& d, double a) { return d.one_probability(a); },
                  [](auto& d, double a) { return d.one_probability_derivative(a); });
}

TEMPLATE_TEST_CASE("Derivatives of cdf, survival function and density", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const double t : {0.0, 1e-6, 0.2, 0.5, 0.95}) {
    CAPTURE(t);
    check<TestType>([t](auto& d, double a) { return d.cdf(t, a); },
                    [t](auto& d, double a) { return d.cdf_derivative(t, a); });
    check<TestType>([t](auto& d, double a) { return d.survival(t, a); },
                    [t](auto& d, double a) { return d.survival_derivative(t, a); });
    if (t > 0) {
      check<TestType>([t](auto& d, double a) { return d.pdf(t, a); },
                      [t](auto& d, double a) { return d.pdf_derivative(t, a); });
    }
  }
}

TEMPLATE_TEST_CASE("The density is the slope of the cdf", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const TestType& d : Range<TestType>{}.distributions) {
    for (const double a : {-6.0, -1.0, 0.0, 0.4, 1.2, 2.0, 7.0}) {
      for (const double t : {0.03, 0.3, 0.5, 0.8, 0.97}) {
        CAPTURE(d.temperature, a, t);
        const VectorXd slope = VectorXd::Constant(1, derivative([&](double x) { return d.cdf(x, a); }, t));
        CHECK(close(d.pdf(t, a), slope(0), {1e-7, 1e-2}));
      }
    }
  }
}

TEMPLATE_TEST_CASE("Derivatives of samples and quantiles", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const double u : {0.01, 0.3, 0.5, 0.9}) {
    CAPTURE(u);
    const auto quantile = [u](auto& d, double a) { return d.quantile(u, a); };
    check<TestType>(
        quantile, [u](auto& d, double a) { return d.quantile_derivative(u, a); }, away_from_clamps(quantile));
    const auto sample = [u](auto& d, double a) { return d.sample(u, a); };
    check<TestType>(
        sample, [u](auto& d, double a) { return d.sample_derivative(u, a); }, away_from_clamps(sample));
  }
}

TEMPLATE_TEST_CASE("Derivatives of the gate without noise, in both conventions", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const Evaluation evaluation : {Evaluation::with_temperature, Evaluation::without_temperature}) {
    const auto gate = [=](auto& d, double a) { return d.deterministic(a, evaluation); };
    check<TestType>(
        gate, [=](auto& d, double a) { return d.deterministic_derivative(a, evaluation); }, away_from_clamps(gate));
  }
}

TEMPLATE_TEST_CASE("Derivatives of the moments", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  check<TestType>([](auto& d, double a) { return d.mean(a); }, [](auto& d, double a) { return d.mean_derivative(a); });
  check<TestType>([](auto& d, double a) { return d.second_moment(a); },
                  [](auto& d, double a) { return d.second_moment_derivative(a); });
  check<TestType>([](auto& d, double a) { return d.variance(a); },
                  [](auto& d, double a) { return d.variance_derivative(a); });
}

}  // namespace tests::gates::distribution_derivatives
