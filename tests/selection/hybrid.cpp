// SPDX-License-Identifier: MIT
// What gates choose beside what chance does: numbers, kinds, weights, and totals that stay what they are on average.
#include <l0/selection/hybrid_gate.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/concurrently.hpp"
#include "support/statistics.hpp"

namespace tests::selection::hybrid {

namespace {

using Indices = std::vector<l0::Index>;
using Eigen::VectorXd;
using l0::HybridGate;
using l0::Index;
using l0::SelectionKind;
using l0::Vector;

/// Gates whose log α falls from item to item.
template <class Scalar>
HybridGate<Scalar> falling(Index n, const l0::HybridGateOptions<Scalar>& options) {
  HybridGate<Scalar> hybrid(n, options);
  for (Index i = 0; i < n; ++i) hybrid.log_alpha()(i) = static_cast<Scalar>(-i);
  return hybrid;
}

template <class Chosen>
Index count(const Chosen& chosen, SelectionKind kind) {
  return std::count(chosen.kinds.begin(), chosen.kinds.end(), kind);
}

}  // namespace

TEMPLATE_TEST_CASE("Numbers, kinds and weights of a hybrid choice", "[selection]", float, double) {
  const Index n = 1000;
  auto hybrid =
      falling<TestType>(n, {.l0_fraction = TestType(0.25), .random_fraction = TestType(0.75), .target_items = 200});
  const Eigen::VectorXi x = Eigen::VectorXi::LinSpaced(n, 0, 999);
  l0::Rng rng(7);
  const auto chosen = hybrid.select(x, rng);
  REQUIRE(chosen.indices.size() == 200);
  CHECK(std::set<Index>(chosen.indices.begin(), chosen.indices.end()).size() == 200);
  CHECK(std::is_sorted(chosen.indices.begin(), chosen.indices.end()));
  CHECK(count(chosen, SelectionKind::l0) == 50);
  for (std::size_t k = 0; k < 200; ++k) {
    const auto at = static_cast<Index>(k);
    CHECK(chosen.data(at) == chosen.indices[k]);
    const bool certain = chosen.indices[k] < 50;
    CHECK((chosen.kinds[k] == SelectionKind::l0) == certain);
    CHECK(chosen.weights(at) == (certain ? TestType(1) : TestType(950.0 / 150)));
  }
}

TEST_CASE("The same state of the noise gives the same choice, the next another", "[selection]") {
  const auto hybrid = falling<double>(100, {.target_items = 20});
  const VectorXd x = VectorXd::Zero(100);
  l0::Rng rng(3);
  const Indices first = hybrid.select(x, rng).indices;
  CHECK(hybrid.select(x, rng).indices != first);
  CHECK(hybrid.select(x, l0::Rng(3)).indices == first);
  CHECK(hybrid.select(x, l0::Rng(4)).indices != first);
  CHECK(l0::test::same_from_threads([&] { return hybrid.select(x, l0::Rng(4)).indices; }));
}

TEST_CASE("Given noise decides which are drawn", "[selection]") {
  const auto hybrid =
      falling<double>(5, {.l0_fraction = 0.25, .random_fraction = 0.5, .target_items = 4});  // one and two of 1 2 3 4
  const VectorXd x = VectorXd::Zero(5);
  CHECK(hybrid.select(x, l0::GivenNoise<double>(Eigen::Vector2d(0.99, 0.0))).indices == Indices{0, 2, 4});
  CHECK(hybrid.select(x, l0::GivenNoise<double>(Eigen::Vector2d(0.0, 0.0))).indices == Indices{0, 1, 2});
}

TEST_CASE("Any amount of given noise draws as one shuffle does", "[selection]") {
  for (const Index n : {1, 63, 64, 65, 128, 150}) {  // noise is taken 64 numbers at a time
    for (const Index count : {n, (n + 1) / 2}) {
      CAPTURE(n, count);
      VectorXd u(count);
      l0::detail::fill_uniform(l0::Rng(4), 1, 0, u.data(), count);
      Indices expected(static_cast<std::size_t>(n));
      std::iota(expected.begin(), expected.end(), Index{0});
      for (Index k = 0; k < count; ++k) {
        std::swap(expected[static_cast<std::size_t>(k)],
                  expected[static_cast<std::size_t>(k + static_cast<Index>(u(k) * static_cast<double>(n - k)))]);
      }
      expected.resize(static_cast<std::size_t>(count));
      std::sort(expected.begin(), expected.end());
      const HybridGate<double> hybrid(n, {.l0_fraction = 0, .random_fraction = 1, .target_items = count});
      CHECK(hybrid.select(VectorXd::Zero(n), l0::GivenNoise<double>(u)).indices == expected);
    }
  }
}

TEST_CASE("The number chosen is the number asked for", "[selection]") {
  for (const Index n : {0, 1, 2, 7, 50, 100}) {
    for (const Index target : {0, 1, 2, 3, 7, 10, 49, 50, 100}) {
      for (const float share : {0.0F, 0.1F, 0.25F, 0.3F, 0.5F, 0.9F, 1.0F}) {
        CAPTURE(n, target, share);
        const auto hybrid =
            falling<float>(n, {.l0_fraction = share, .random_fraction = 1 - share, .target_items = target});
        const auto chosen = hybrid.select(VectorXd::Zero(n), l0::Rng(1));
        CHECK(static_cast<Index>(chosen.indices.size()) == std::min(n, target));
        const auto certain = static_cast<double>(count(chosen, SelectionKind::l0));
        CHECK(std::abs(certain - double(share) * static_cast<double>(std::min(n, target))) <= 0.5 + 1e-5);
      }
    }
  }
  // Shares that leave something out.
  const auto part = falling<double>(100, {.l0_fraction = 0.2, .random_fraction = 0.3, .target_items = 40});
  CHECK(part.select(VectorXd::Zero(100), l0::Rng(1)).indices.size() == 20);
}

TEST_CASE("Without a target the draw is in proportion to the open gates", "[selection]") {
  HybridGate<double> hybrid(30);
  hybrid.log_alpha().setConstant(-9);
  hybrid.log_alpha().head(4).setConstant(9);
  const auto chosen = hybrid.select(VectorXd::Zero(30), l0::Rng(1));
  CHECK(count(chosen, SelectionKind::l0) == 4);
  CHECK(count(chosen, SelectionKind::random) == 12);
  hybrid.log_alpha().head(10).setConstant(9);  // 30 more are not there
  CHECK(hybrid.select(VectorXd::Zero(30), l0::Rng(1)).indices.size() == 30);
}

TEST_CASE("Totals are unbiased: the mean over 1000 draws, within five standard errors", "[selection]") {
  const Index n = 400;
  const auto hybrid =
      falling<double>(n, {.l0_fraction = 0.25, .random_fraction = 0.75, .target_items = 80});  // 20 and 60 of 380
  // Values that grow with the gates' choice: its sum without weights would be far off.
  const VectorXd v = VectorXd::NullaryExpr(n, [](Index i) { return 100.0 / (1 + double(i)) + std::sin(double(i)); });
  const VectorXd base = VectorXd::NullaryExpr(n, [](Index i) { return 1.0 + double(i % 5); });
  const auto check = [&](const VectorXd& value, const auto& draw) {
    const auto rest = value.tail(380).array();
    const double variance = (rest - rest.mean()).square().sum() / 379;
    const double error = 380 * std::sqrt((1.0 / 60 - 1.0 / 380) * variance);  // of one draw, Cochran, eq. 2.20
    l0::Rng rng(11);
    double sum = 0;
    double squares = 0;
    for (int k = 0; k < 1000; ++k) {
      const double total = draw(rng);
      sum += total;
      squares += (total - value.sum()) * (total - value.sum());
    }
    const double bound = l0::test::allowed_deviations * error / std::sqrt(1000.0);
    CHECK(std::abs(sum / 1000 - value.sum()) <= bound);
    CHECK(bound < 0.02 * value.sum());
    CHECK(std::sqrt(squares / 1000) == Approx(error).epsilon(0.15));
  };
  check(v, [&](l0::Rng& rng) {
    const auto chosen = hybrid.select(v, rng);
    return chosen.data.dot(chosen.weights);
  });
  check(v.cwiseProduct(base), [&](l0::Rng& rng) {
    const auto chosen = hybrid.select_weighted(v, base, rng);
    return chosen.data.dot(chosen.weights);
  });
}

TEST_CASE("Every item outside the gates' choice is drawn equally often", "[selection]") {
  const Index n = 40;
  const auto hybrid =
      falling<double>(n, {.l0_fraction = 0.2, .random_fraction = 0.8, .target_items = 20});  // 4; 16 of 36
  const VectorXd x = VectorXd::Zero(n);
  l0::Rng rng(5);
  VectorXd times = VectorXd::Zero(n);
  const int draws = 4000;
  for (int k = 0; k < draws; ++k) {
    for (const Index i : hybrid.select(x, rng).indices) times(i) += 1;
  }
  CHECK((times.head(4).array() == draws).all());
  const double p = 16.0 / 36;
  const double bound = l0::test::allowed_deviations * std::sqrt(draws * p * (1 - p));
  CHECK((times.tail(36).array() - draws * p).abs().maxCoeff() <= bound);
}

TEST_CASE("Wrong input of a hybrid gate is named", "[selection]") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(HybridGate<double>(9, {.l0_fraction = -0.5}), l0::Error,
                       Message("l0: l0_fraction is -0.5, expected a share in [0, 1]"));
  CHECK_THROWS_MATCHES(HybridGate<double>(9, {.l0_fraction = 0.5}), l0::Error,
                       Message("l0: l0_fraction + random_fraction is 1.25, expected at most 1"));
  CHECK_THROWS_MATCHES(HybridGate<double>(9, {.target_items = -1}), l0::Error,
                       Message("l0: target_items is -1, expected a number >= 0"));
  CHECK_THROWS_MATCHES(HybridGate<double>(9, {.l0_fraction = 0}), l0::Error,
                       Message("l0: l0_fraction is 0, expected a share > 0 where target_items is not given"));
  CHECK_THROWS_AS(HybridGate<float>(9, {.random_fraction = std::numeric_limits<float>::quiet_NaN()}), l0::Error);
  CHECK_NOTHROW(HybridGate<float>(9, {.l0_fraction = 0.3F, .random_fraction = 0.7F}));

  const HybridGate<double> hybrid(9, {.target_items = 4});
  l0::Rng rng(1);
  CHECK_THROWS_MATCHES(hybrid.select(VectorXd::Zero(8), rng), l0::Error, Message("l0: X is 8x1, expected 9x1"));
  CHECK_THROWS_MATCHES(hybrid.select_weighted(VectorXd::Zero(9), VectorXd::Zero(8), rng), l0::Error,
                       Message("l0: weights is 8x1, expected 9x1"));
  CHECK(rng() == l0::Rng(1)());
}

TEST_CASE("The gates of a hybrid train as those of samples", "[selection]") {
  HybridGate<double> hybrid(4, {.target_items = 2});
  l0::SampleGate<double> samples(4);
  const Eigen::MatrixXd x = Eigen::MatrixXd::Constant(4, 2, 3);
  CHECK(hybrid.apply(x, l0::Rng(2)) == samples.apply(x, l0::Rng(2)));
  hybrid.backward(x);
  samples.backward(x);
  CHECK(hybrid.gate().log_alpha_gradient() == samples.log_alpha_gradient());
  CHECK(hybrid.parameters().front().values().data() == hybrid.log_alpha().data());
  CHECK(hybrid.importance() == samples.importance());
}

}  // namespace tests::selection::hybrid
