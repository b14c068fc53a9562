// SPDX-License-Identifier: MIT
// Rng as a standard generator.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include <l0/random/rng.hpp>
#include "support/catch.hpp"
#include "support/statistics.hpp"

namespace tests::random::generator {

using l0::Rng;
using l0::test::allowed_deviations;

static_assert(std::uniform_random_bit_generator<Rng>);
static_assert(Rng::min() == 0 && Rng::max() == ~std::uint64_t{0});

TEST_CASE("A seed gives one sequence, another seed another", "[random]") {
  CHECK(l0::Rng().seed() == 0);
  Rng first(42);
  Rng second(42);
  Rng other(43);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto value = first();
    CHECK(value == second());
    equal += value == other();
  }
  CHECK(equal == 0);
  CHECK(first.seed() == 42);
}

TEST_CASE("A copy of a generator continues where the original stood", "[random]") {
  Rng rng(42);
  rng();
  Rng copy(rng);
  CHECK(copy() == rng());
  CHECK(copy() == rng());
}

TEST_CASE("The sequence does not depend on the streams that were handed out", "[random]") {
  Rng plain(42);
  Rng used(42);
  CHECK(used.next_stream() == 1);
  CHECK(used.next_stream() == 2);
  CHECK(plain() == used());
  CHECK(used.next_stream() == 3);
  CHECK(plain() == used());
}

TEST_CASE("Every bit of the sequence is fair, and independent of its neighbours and of the number before", "[random]") {
  Rng rng(7);
  constexpr int count = 100000;
  std::array<int, 64> ones{};
  std::array<int, 64> changes{};
  std::array<int, 64> halves{};  // differences between the high and the low word
  std::array<int, 64> neighbours{};
  std::uint64_t previous = rng();
  for (int i = 0; i < count; ++i) {
    const std::uint64_t bits = rng();
    for (std::size_t b = 0; b < 64; ++b) {
      ones[b] += static_cast<int>(bits >> b & 1U);
      changes[b] += static_cast<int>((bits ^ previous) >> b & 1U);
      halves[b] += static_cast<int>((bits ^ (bits << 32 | bits >> 32)) >> b & 1U);
      neighbours[b] += static_cast<int>((bits ^ (bits << 1 | bits >> 63)) >> b & 1U);
    }
    previous = bits;
  }
  const double bound = allowed_deviations * std::sqrt(count / 4.0);
  for (std::size_t b = 0; b < 64; ++b) {
    CAPTURE(b);
    CHECK(std::abs(ones[b] - count / 2) <= bound);
    CHECK(std::abs(changes[b] - count / 2) <= bound);
    CHECK(std::abs(halves[b] - count / 2) <= bound);
    CHECK(std::abs(neighbours[b] - count / 2) <= bound);
  }
}

TEST_CASE("std::shuffle makes permutations, the same for the same seed", "[random]") {
  std::vector<int> sorted(100);
  std::iota(sorted.begin(), sorted.end(), 0);
  std::vector<int> first = sorted;
  std::vector<int> second = sorted;
  std::shuffle(first.begin(), first.end(), Rng(1));
  std::shuffle(second.begin(), second.end(), Rng(1));
  CHECK(first == second);
  CHECK(first != sorted);
  std::sort(first.begin(), first.end());
  CHECK(first == sorted);
}

TEST_CASE("std::shuffle gives the 24 permutations of 4 things equally often", "[random]") {
  Rng rng(3);
  std::map<std::vector<int>, int> counts;
  constexpr int shuffles = 24000;
  for (int i = 0; i < shuffles; ++i) {
    std::vector<int> things{0, 1, 2, 3};
    std::shuffle(things.begin(), things.end(), rng);
    ++counts[things];
  }
  REQUIRE(counts.size() == 24);
  for (const auto& [order, count] : counts) {
    CHECK(std::abs(count - 1000) <= allowed_deviations * std::sqrt(1000.0));
  }
}

TEST_CASE("Standard distributions take an Rng", "[random]") {
  Rng rng(3);
  constexpr int count = 100000;
  double sum = 0;
  std::normal_distribution<double> normal;
  for (int i = 0; i < count; ++i) sum += normal(rng);
  CHECK(std::abs(sum) <= allowed_deviations * std::sqrt(static_cast<double>(count)));
  std::uniform_int_distribution<int> die(1, 6);
  for (int i = 0; i < 1000; ++i) {
    const int shown = die(rng);
    REQUIRE((shown >= 1 && shown <= 6));
  }
}

}  // namespace tests::random::generator
