// SPDX-License-Identifier: MIT
// A million numbers each against what independent uniform and normal numbers do: fixed seeds, 5 standard deviations.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <vector>

#include <l0/random/rng.hpp>
#include "support/catch.hpp"
#include "support/statistics.hpp"

namespace tests::random::statistics {

namespace {

using l0::Index;
using l0::Rng;
using l0::test::allowed_deviations;

constexpr Index size = 1000000;

template <class Scalar>
std::vector<double> uniforms(std::uint64_t seed, std::uint64_t stream, std::uint64_t draw) {
  std::vector<Scalar> values(size);
  l0::detail::fill_uniform(Rng(seed), stream, draw, values.data(), size);
  return {values.begin(), values.end()};
}

/// The correlation of a[i] with b[i + lag], times √n: a standard normal number if they are independent.
double correlation(const std::vector<double>& a, const std::vector<double>& b, std::size_t lag) {
  double sum = 0;
  for (std::size_t i = 0; i + lag < b.size(); ++i) sum += (a[i] - 0.5) * (b[i + lag] - 0.5);
  return sum * 12 / std::sqrt(static_cast<double>(b.size() - lag));
}

/// Σ (count − expected)²/expected over equally likely cells, as a standard normal number.
template <class Counts>
double chi_square(const Counts& counts, double expected) {
  double sum = 0;
  for (const double count : counts) sum += (count - expected) * (count - expected) / expected;
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (sum - freedom) / std::sqrt(2 * freedom);
}

}  // namespace

TEMPLATE_TEST_CASE("Uniforms have the moments and the distribution of U(0, 1)", "[random]", float, double) {
  const auto u = uniforms<TestType>(42, 3, 7);
  const double n = static_cast<double>(u.size());
  double mean = 0;
  double variance = 0;
  std::array<double, 1000> cells{};
  for (const double value : u) {
    mean += value / n;
    variance += (value - 0.5) * (value - 0.5) / n;
    cells[static_cast<std::size_t>(value * 1000)] += 1;
  }
  CHECK(std::abs(mean - 0.5) <= allowed_deviations * std::sqrt(1 / (12 * n)));
  CHECK(std::abs(variance - 1.0 / 12) <= allowed_deviations * std::sqrt(1 / (180 * n)));
  CHECK(std::abs(chi_square(cells, n / 1000)) <= allowed_deviations);
  CHECK(l0::test::kolmogorov_distance(u, [](double t) { return t; }) <= l0::test::kolmogorov_bound(u.size()));
}

TEMPLATE_TEST_CASE("Uniforms are not correlated along the array", "[random]", float, double) {
  const auto u = uniforms<TestType>(42, 3, 7);
  for (const std::size_t lag : std::initializer_list<std::size_t>{1, 2, 3, 16, 31, 32, 33, 64, 100}) {
    CAPTURE(lag);
    CHECK(std::abs(correlation(u, u, lag)) <= allowed_deviations);
  }
  // Pairs of neighbours over the cells of a 30 × 30 board.
  std::vector<double> board(900);
  for (std::size_t i = 0; i + 1 < u.size(); i += 2) {
    board[static_cast<std::size_t>(u[i] * 30) * 30 + static_cast<std::size_t>(u[i + 1] * 30)] += 1;
  }
  CHECK(std::abs(chi_square(board, static_cast<double>(u.size()) / 2 / 900)) <= allowed_deviations);
}

TEMPLATE_TEST_CASE("Neighbouring seeds, streams and draws are not correlated", "[random]", float, double) {
  const auto u = uniforms<TestType>(42, 3, 7);
  CHECK(std::abs(correlation(u, uniforms<TestType>(43, 3, 7), 0)) <= allowed_deviations);
  CHECK(std::abs(correlation(u, uniforms<TestType>(42, 4, 7), 0)) <= allowed_deviations);
  CHECK(std::abs(correlation(u, uniforms<TestType>(42, 3, 8), 0)) <= allowed_deviations);
  CHECK(std::abs(correlation(u, uniforms<TestType>(42, 7, 3), 0)) <= allowed_deviations);
  CHECK(std::abs(correlation(u, uniforms<TestType>(42, 3, 8), 1)) <= allowed_deviations);
}

TEMPLATE_TEST_CASE("The first element of successive draws is uniform too", "[random]", float, double) {
  const Rng rng(11);
  std::vector<double> u;
  for (std::uint64_t draw = 0; draw < 20000; ++draw) {
    TestType value = 0;
    l0::detail::fill_uniform(rng, 1, draw, &value, 1);
    u.push_back(value);
  }
  CHECK(std::abs(correlation(u, u, 1)) <= allowed_deviations);
  CHECK(l0::test::kolmogorov_distance(u, [](double t) { return t; }) <= l0::test::kolmogorov_bound(u.size()));
}

TEMPLATE_TEST_CASE("fill_normal draws from N(0, 1)", "[random]", float, double) {
  std::vector<TestType> drawn(size);
  l0::detail::fill_normal(Rng(42), 3, 7, drawn.data(), size);
  const std::vector<double> x(drawn.begin(), drawn.end());
  const double n = static_cast<double>(size);
  double moments[5] = {};
  double neighbours = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (int k = 1; k <= 4; ++k) moments[k] += std::pow(x[i], k) / n;
    if (i > 0) neighbours += x[i] * x[i - 1];
  }
  CHECK(std::abs(moments[1]) <= allowed_deviations * std::sqrt(1 / n));
  CHECK(std::abs(moments[2] - 1) <= allowed_deviations * std::sqrt(2 / n));
  CHECK(std::abs(moments[3]) <= allowed_deviations * std::sqrt(15 / n));
  CHECK(std::abs(moments[4] - 3) <= allowed_deviations * std::sqrt(96 / n));
  CHECK(std::abs(neighbours) <= allowed_deviations * std::sqrt(n));
  const auto cdf = [](double t) { return std::erfc(-t / std::numbers::sqrt2) / 2; };
  CHECK(l0::test::kolmogorov_distance(x, cdf) <= l0::test::kolmogorov_bound(x.size()));
}

TEMPLATE_TEST_CASE("Normal numbers do not depend on the size of the array", "[random]", float, double) {
  TestType all[100];
  TestType some[33];
  l0::detail::fill_normal(Rng(42), 3, 7, all, 100);
  l0::detail::fill_normal(Rng(42), 3, 7, some, 33);
  CHECK(std::equal(some, some + 33, all));
  l0::detail::fill_normal(Rng(42), 3, 7, all, 0);  // nothing to fill
}

}  // namespace tests::random::statistics
