// SPDX-License-Identifier: MIT
// Every derivative of the distribution with respect to log α, and the density, against central differences.
#include <vector>

#include <l0/gates/hard_concrete.hpp>
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace {

using Eigen::Index;
using Eigen::VectorXd;
using l0::Evaluation;
using l0::HardConcrete;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

double derivative(auto f, double x) {
  const auto of_vector = [&](const VectorXd& point) { return f(point(0)); };
  return l0::test::numerical_gradient(of_vector, VectorXd::Constant(1, x), l0::test::Stencil::five_point)(0);
}

const std::vector<HardConcrete<double>> distributions{
    {0.1, -0.1, 1.1}, {0.5, -0.1, 1.1}, {2.0 / 3, -0.05, 1.2}, {1.0, -0.3, 1.05}, {3.0, -0.2, 1.4}};

/// Compares over a range of log α. `is_smooth(d, log α)` tells where no clamp is within reach of the difference.
template <class Function, class Derivative, class Smooth>
void check(Function function, Derivative analytic, Smooth is_smooth) {
  for (const HardConcrete<double>& d : distributions) {
    std::vector<double> actual;
    std::vector<double> expected;
    for (double a = -18.2; a < 18.5; a += 0.35) {
      if (!is_smooth(d, a)) continue;
      actual.push_back(analytic(d, a));
      expected.push_back(derivative([&](double x) { return function(d, x); }, a));
    }
    CAPTURE(d.temperature, d.gamma, d.zeta);
    REQUIRE(actual.size() > 20);
    const auto numerical = VectorXd::Map(expected.data(), static_cast<Index>(expected.size()));
    CHECK(numerical.cwiseAbs().maxCoeff() > 0.005);
    CHECK(close(VectorXd::Map(actual.data(), numerical.size()), numerical, tolerance::gradient(numerical)));
  }
}

template <class Function, class Derivative>
void check(Function function, Derivative analytic) {
  check(function, analytic, [](auto&&, double) { return true; });
}

/// Smooth where `z` is on the same side of both clamps on the whole stencil.
auto away_from_clamps(auto z) {
  return [z](const HardConcrete<double>& d, double a) {
    const double reach = 0.03;
    const double low = z(d, a - reach);
    const double high = z(d, a + reach);
    return (low > 0 && high < 1) || high == 0 || low == 1;
  };
}

}  // namespace

TEST_CASE("Derivatives of the probabilities of 0 and 1", "[gates]") {
  check([](auto& d, double a) { return d.active_probability(a); },
        [](auto& d, double a) { return d.active_probability_derivative(a); });
  check([](auto& d, double a) { return d.zero_probability(a); },
        [](auto& d, double a) { return d.zero_probability_derivative(a); });
  check([](auto& d, double a) { return d.one_probability(a); },
        [](auto& d, double a) { return d.one_probability_derivative(a); });
}

TEST_CASE("Derivatives of cdf, survival function and density", "[gates]") {
  for (const double t : {0.0, 1e-6, 0.2, 0.5, 0.95}) {
    CAPTURE(t);
    check([t](auto& d, double a) { return d.cdf(t, a); }, [t](auto& d, double a) { return d.cdf_derivative(t, a); });
    check([t](auto& d, double a) { return d.survival(t, a); },
          [t](auto& d, double a) { return d.survival_derivative(t, a); });
    if (t > 0) {
      check([t](auto& d, double a) { return d.pdf(t, a); }, [t](auto& d, double a) { return d.pdf_derivative(t, a); });
    }
  }
}

TEST_CASE("The density is the slope of the cdf", "[gates]") {
  for (const HardConcrete<double>& d : distributions) {
    for (const double a : {-6.0, -1.0, 0.0, 2.0, 7.0}) {
      for (const double t : {0.03, 0.3, 0.5, 0.8, 0.97}) {
        CAPTURE(d.temperature, a, t);
        const VectorXd slope = VectorXd::Constant(1, derivative([&](double x) { return d.cdf(x, a); }, t));
        CHECK(close(d.pdf(t, a), slope(0), {1e-7, 1e-2}));
      }
    }
  }
}

TEST_CASE("Derivatives of samples and quantiles", "[gates]") {
  for (const double u : {0.01, 0.3, 0.5, 0.9}) {
    CAPTURE(u);
    const auto quantile = [u](auto& d, double a) { return d.quantile(u, a); };
    check(
        quantile, [u](auto& d, double a) { return d.quantile_derivative(u, a); }, away_from_clamps(quantile));
    const auto sample = [u](auto& d, double a) { return d.sample(u, a); };
    check(
        sample, [u](auto& d, double a) { return d.sample_derivative(u, a); }, away_from_clamps(sample));
  }
}

TEST_CASE("Derivatives of the gate without noise, in both conventions", "[gates]") {
  for (const Evaluation evaluation : {Evaluation::with_temperature, Evaluation::without_temperature}) {
    const auto gate = [=](auto& d, double a) { return d.deterministic(a, evaluation); };
    check(
        gate, [=](auto& d, double a) { return d.deterministic_derivative(a, evaluation); }, away_from_clamps(gate));
  }
}

TEST_CASE("Derivatives of the moments", "[gates]") {
  check([](auto& d, double a) { return d.mean(a); }, [](auto& d, double a) { return d.mean_derivative(a); });
  check([](auto& d, double a) { return d.second_moment(a); },
        [](auto& d, double a) { return d.second_moment_derivative(a); });
  check([](auto& d, double a) { return d.variance(a); }, [](auto& d, double a) { return d.variance_derivative(a); });
}
