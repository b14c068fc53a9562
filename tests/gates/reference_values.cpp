// SPDX-License-Identifier: MIT
// The distribution against tests/data/hard_concrete.txt, moments.txt and gaussian.txt; in float against double at
// inputs rounded to float.
#include <algorithm>
#include <initializer_list>
#include <type_traits>

#include <l0/gates/gaussian.hpp>
#include <l0/gates/hard_concrete.hpp>
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::reference_values {

namespace {

using Eigen::Index;
using Eigen::VectorXd;
using l0::HardConcrete;
using l0::test::close;
using l0::test::Golden;
namespace tolerance = l0::test::tolerance;

/// The inputs of one reference file.
struct Inputs {
  explicit Inputs(const Golden& golden)
      : log_alpha(golden.vector("log_alpha")), u(golden.contains("u") ? golden.vector("u") : log_alpha),
        temperature(golden.vector("temperature")), gamma(golden.vector("gamma")), zeta(golden.vector("zeta")) {}

  VectorXd log_alpha;
  VectorXd u;
  VectorXd temperature;
  VectorXd gamma;
  VectorXd zeta;
};

/// f(distribution, u, log α) of every gate, computed in Scalar from inputs rounded to `Input`.
template <class Scalar, class Input, class Function>
VectorXd evaluate(const Inputs& in, Function f) {
  const auto rounded = [](double x) { return static_cast<Scalar>(static_cast<Input>(x)); };
  VectorXd result(in.log_alpha.size());
  for (Index i = 0; i < result.size(); ++i) {
    const HardConcrete<Scalar> d{rounded(in.temperature(i)), rounded(in.gamma(i)), rounded(in.zeta(i))};
    result(i) = static_cast<double>(f(d, rounded(in.u(i)), rounded(in.log_alpha(i))));
  }
  return result;
}

template <class Scalar, class Function>
void check(const Golden& golden, const char* name, l0::test::Tolerance rule, Function f) {
  CAPTURE(name);
  const Inputs in(golden);
  if constexpr (std::is_same_v<Scalar, double>) {
    CHECK(close(evaluate<double, double>(in, f), golden.vector(name), rule));
  } else {
    CHECK(close(evaluate<float, float>(in, f), evaluate<double, float>(in, f), rule));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("The distribution reproduces the reference values", "[gates]", float, double) {
  const Golden golden(l0::test::data_file("hard_concrete.txt"));
  REQUIRE(golden.vector("log_alpha").size() == 400);
  const auto rule = tolerance::of<TestType>;
  check<TestType>(golden, "z", rule, [](auto d, auto u, auto a) { return d.sample(u, a); });
  check<TestType>(golden, "dz_dlog_alpha", rule, [](auto d, auto u, auto a) { return d.sample_derivative(u, a); });
  check<TestType>(golden, "p_active", rule, [](auto d, auto, auto a) { return d.active_probability(a); });
  check<TestType>(golden, "dp_active_dlog_alpha", rule,
                  [](auto d, auto, auto a) { return d.active_probability_derivative(a); });
  check<TestType>(golden, "z_deterministic", rule, [](auto d, auto, auto a) { return d.deterministic(a); });
  check<TestType>(golden, "dz_det_dlog_alpha", rule,
                  [](auto d, auto, auto a) { return d.deterministic_derivative(a); });
}

TEMPLATE_TEST_CASE("The moments reproduce the reference values, down to a temperature of 0.05", "[gates]", float,
                   double) {
  const Golden golden(l0::test::data_file("moments.txt"));
  REQUIRE(golden.vector("log_alpha").size() == 200);
  const auto rule = std::is_same_v<TestType, float> ? tolerance::single : tolerance::moments;
  check<TestType>(golden, "mean", rule, [](auto d, auto, auto a) { return d.mean(a); });
  check<TestType>(golden, "second_moment", rule, [](auto d, auto, auto a) { return d.second_moment(a); });
  check<TestType>(golden, "variance", rule, [](auto d, auto, auto a) { return d.variance(a); });
  check<TestType>(golden, "dmean_dlog_alpha", rule, [](auto d, auto, auto a) { return d.mean_derivative(a); });

  // The derivative of the variance changes its sign where gates are half open: there it is what rounding leaves of
  // terms as large as the derivative of the mean.
  const auto derivative = [](auto d, auto, auto a) { return d.variance_derivative(a); };
  if constexpr (std::is_same_v<TestType, double>) {
    const VectorXd actual = evaluate<double, double>(Inputs(golden), derivative);
    const VectorXd expected = golden.vector("dvariance_dlog_alpha");
    const VectorXd scale = golden.vector("dmean_dlog_alpha");
    for (Index i = 0; i < actual.size(); ++i) CHECK(close(actual(i), expected(i), {1e-10, 1e-4 * scale(i)}));
  } else {
    check<TestType>(golden, "dvariance_dlog_alpha", rule, derivative);
  }
}

TEMPLATE_TEST_CASE("All moments at once are the single ones", "[gates]", float, double) {
  const HardConcrete<TestType> d{.temperature = TestType(0.5)};
  for (const TestType a : std::initializer_list<TestType>{-25, -3, 0, 4, 25}) {
    const l0::GateMoments moments = d.moments(a);
    CHECK(static_cast<TestType>(moments.mean) == d.mean(a));
    CHECK(static_cast<TestType>(moments.variance) == d.variance(a));
    CHECK(static_cast<TestType>(moments.second_moment()) == d.second_moment(a));
    CHECK(static_cast<TestType>(moments.mean_derivative) == d.mean_derivative(a));
    CHECK(static_cast<TestType>(moments.variance_derivative) == d.variance_derivative(a));
    CHECK(static_cast<TestType>(moments.second_moment_derivative()) == d.second_moment_derivative(a));
  }
}

namespace {

/// f(distribution, u, μ) of every Gaussian gate in the file, as `evaluate` does.
template <class Scalar, class Input, class Function>
VectorXd evaluate_gaussian(const Golden& golden, Function f) {
  const auto rounded = [](double x) { return static_cast<Scalar>(static_cast<Input>(x)); };
  const VectorXd mu = golden.vector("mu");
  const VectorXd sigma = golden.vector("sigma");
  const VectorXd u = golden.vector("u");
  VectorXd result(mu.size());
  for (Index i = 0; i < mu.size(); ++i) {
    result(i) = static_cast<double>(f(l0::ClippedGaussian<Scalar>{rounded(sigma(i))}, rounded(u(i)), rounded(mu(i))));
  }
  return result;
}

template <class Scalar, class Function>
void check_gaussian(const Golden& golden, const char* name, l0::test::Tolerance rule, Function f) {
  CAPTURE(name);
  if constexpr (std::is_same_v<Scalar, double>) {
    CHECK(close(evaluate_gaussian<double, double>(golden, f), golden.vector(name), rule));
  } else {
    CHECK(close(evaluate_gaussian<float, float>(golden, f), evaluate_gaussian<double, float>(golden, f), rule));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("The clipped Gaussian reproduces the reference values, moments included", "[gates]", float, double) {
  const Golden golden(l0::test::data_file("gaussian.txt"));
  REQUIRE(golden.vector("mu").size() == 200);
  auto rule = tolerance::of<TestType>;
  check_gaussian<TestType>(golden, "z", rule, [](auto d, auto u, auto m) { return d.sample(u, m); });
  check_gaussian<TestType>(golden, "dz_dmu", rule, [](auto d, auto u, auto m) { return d.sample_derivative(u, m); });
  check_gaussian<TestType>(golden, "p_active", rule, [](auto d, auto, auto m) { return d.active_probability(m); });
  check_gaussian<TestType>(golden, "p_active", rule,
                           [](auto d, auto, auto m) { return d.formulas().active_probability(m); });
  check_gaussian<TestType>(golden, "dp_active_dmu", rule,
                           [](auto d, auto, auto m) { return d.active_probability_derivative(m); });
  check_gaussian<TestType>(golden, "dp_active_dmu", rule,
                           [](auto d, auto, auto m) { return d.formulas().active_probability_derivative(m, m); });
  check_gaussian<TestType>(golden, "p_one", rule, [](auto d, auto, auto m) { return d.one_probability(m); });
  check_gaussian<TestType>(golden, "z_deterministic", rule, [](auto d, auto, auto m) { return d.deterministic(m); });
  check_gaussian<TestType>(golden, "dz_det_dmu", rule,
                           [](auto d, auto, auto m) { return d.deterministic_derivative(m); });

  rule = std::is_same_v<TestType, float> ? tolerance::single : tolerance::moments;
  check_gaussian<TestType>(golden, "mean", rule, [](auto d, auto, auto m) { return d.mean(m); });
  check_gaussian<TestType>(golden, "second_moment", rule, [](auto d, auto, auto m) { return d.second_moment(m); });
  check_gaussian<TestType>(golden, "variance", rule, [](auto d, auto, auto m) { return d.variance(m); });
  check_gaussian<TestType>(golden, "dmean_dmu", rule, [](auto d, auto, auto m) { return d.mean_derivative(m); });
  const auto derivative = [](auto d, auto, auto m) { return d.variance_derivative(m); };
  if constexpr (std::is_same_v<TestType, double>) {  // changes its sign, as that of Hard Concrete gates; in the file, a
                                                     // difference of terms of order 1
    const VectorXd actual = evaluate_gaussian<double, double>(golden, derivative);
    const VectorXd expected = golden.vector("dvariance_dmu");
    const VectorXd scale = golden.vector("dmean_dmu");
    for (Index i = 0; i < actual.size(); ++i)
      CHECK(close(actual(i), expected(i), {1e-10, std::max(1e-4 * scale(i), 1e-12)}));
  } else {
    check_gaussian<TestType>(golden, "dvariance_dmu", rule, derivative);
  }
}

}  // namespace tests::gates::reference_values
