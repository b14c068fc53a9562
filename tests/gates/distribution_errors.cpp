// SPDX-License-Identifier: MIT
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gates/distributions.hpp"
#include "support/catch.hpp"

namespace tests::gates::distribution_errors {

using Catch::Matchers::Message;
using l0::HardConcrete;

TEMPLATE_TEST_CASE("A distribution names the parameter that is out of range", "[gates]", float, double) {
  using Distribution = HardConcrete<TestType>;
  const TestType infinity = std::numeric_limits<TestType>::infinity();
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  CHECK_NOTHROW(Distribution{}.validate());
  CHECK_THROWS_MATCHES(Distribution{.temperature = 0}.validate(), l0::Error,
                       Message("l0: temperature is 0, expected a finite number > 0"));
  CHECK_THROWS_MATCHES(Distribution{.gamma = 0}.validate(), l0::Error,
                       Message("l0: gamma is 0, expected a finite number < 0"));
  CHECK_THROWS_MATCHES(Distribution{.zeta = 1}.validate(), l0::Error,
                       Message("l0: zeta is 1, expected a finite number > 1"));
  for (const TestType bad : {TestType(-1), nan, infinity}) {
    CHECK_THROWS_AS(Distribution{.temperature = bad}.validate(), l0::Error);
  }
  for (const TestType bad : {TestType(0.1), nan, -infinity}) {
    CHECK_THROWS_AS(Distribution{.gamma = bad}.validate(), l0::Error);
  }
  for (const TestType bad : {TestType(0.5), nan, infinity}) {
    CHECK_THROWS_AS(Distribution{.zeta = bad}.validate(), l0::Error);
  }
}

TEMPLATE_TEST_CASE("Every function refuses impossible parameters", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  using Function = std::function<double(const TestType&)>;
  const std::vector<std::pair<std::string, Function>> functions{
      {"sample", [](auto& d) { return d.sample(0.5, 0); }},
      {"sample_derivative", [](auto& d) { return d.sample_derivative(0.5, 0); }},
      {"deterministic", [](auto& d) { return d.deterministic(0); }},
      {"deterministic_derivative", [](auto& d) { return d.deterministic_derivative(0); }},
      {"active_probability", [](auto& d) { return d.active_probability(0); }},
      {"active_probability_derivative", [](auto& d) { return d.active_probability_derivative(0); }},
      {"zero_probability", [](auto& d) { return d.zero_probability(0); }},
      {"zero_probability_derivative", [](auto& d) { return d.zero_probability_derivative(0); }},
      {"one_probability", [](auto& d) { return d.one_probability(0); }},
      {"one_probability_derivative", [](auto& d) { return d.one_probability_derivative(0); }},
      {"survival", [](auto& d) { return d.survival(0.5, 0); }},
      {"survival_derivative", [](auto& d) { return d.survival_derivative(0.5, 0); }},
      {"cdf", [](auto& d) { return d.cdf(0.5, 0); }},
      {"cdf_derivative", [](auto& d) { return d.cdf_derivative(0.5, 0); }},
      {"pdf", [](auto& d) { return d.pdf(0.5, 0); }},
      {"pdf_derivative", [](auto& d) { return d.pdf_derivative(0.5, 0); }},
      {"quantile", [](auto& d) { return d.quantile(0.5, 0); }},
      {"quantile in the tail", [](auto& d) { return d.quantile(1e-9, 0); }},
      {"quantile_derivative", [](auto& d) { return d.quantile_derivative(0.5, 0); }},
      {"mean", [](auto& d) { return d.mean(0); }},
      {"mean_derivative", [](auto& d) { return d.mean_derivative(0); }},
      {"second_moment", [](auto& d) { return d.second_moment(0); }},
      {"second_moment_derivative", [](auto& d) { return d.second_moment_derivative(0); }},
      {"variance", [](auto& d) { return d.variance(0); }},
      {"variance_derivative", [](auto& d) { return d.variance_derivative(0); }}};
  for (const auto& [name, function] : functions) {
    CAPTURE(name);
    CHECK_NOTHROW(function({}));
    CHECK_THROWS_AS(function({.temperature = -1}), l0::Error);
    CHECK_THROWS_AS(function({.temperature = std::numeric_limits<double>::infinity()}), l0::Error);
    if constexpr (l0::test::is_hard_concrete<TestType>) {
      CHECK_THROWS_AS(function({.gamma = 0.1}), l0::Error);
      CHECK_THROWS_AS(function({.zeta = 0.9}), l0::Error);
    }
  }
}

TEMPLATE_TEST_CASE("Probabilities are refused outside (0, 1)", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const TestType d{};
  CHECK_THROWS_MATCHES(d.quantile(0, 0), l0::Error, Message("l0: p is 0, expected a probability in (0, 1)"));
  CHECK_THROWS_MATCHES(d.quantile_derivative(1, 0), l0::Error, Message("l0: p is 1, expected a probability in (0, 1)"));
  for (const Scalar bad : {Scalar(-0.5), Scalar(0), Scalar(1), std::numeric_limits<Scalar>::quiet_NaN()}) {
    CHECK_THROWS_AS(d.quantile(bad, 0), l0::Error);
    CHECK_THROWS_AS(d.initial_location(bad), l0::Error);
  }
  CHECK_THROWS_MATCHES(d.initial_location(Scalar(1.5)), l0::Error,
                       Message("l0: init_sparsity is 1.5, expected a probability in (0, 1)"));
}

}  // namespace tests::gates::distribution_errors
