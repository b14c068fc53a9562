// SPDX-License-Identifier: MIT
#include <l0/core/sort_stably.hpp>
#include <l0/random/rng.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace tests::core::sort_stably {

using l0::detail::sort_stably;

TEST_CASE("sort_stably orders as std::stable_sort", "[core]") {
  using Pair = std::pair<int, int>;
  l0::Rng rng(5);
  for (const int size : {0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 1000, 4097}) {
    for (const int kinds : {1, 3, 50, 100000}) {
      std::vector<Pair> values;
      for (int i = 0; i < size; ++i) values.emplace_back(static_cast<int>(rng() % static_cast<unsigned>(kinds)), i);
      // The second number tells equals apart: sorting by both is what a stable sort by the first must give.
      std::vector<Pair> expected = values;
      std::sort(expected.begin(), expected.end());
      sort_stably(values, [](const Pair& a, const Pair& b) { return a.first < b.first; });
      CHECK(values == expected);
    }
  }
}

TEST_CASE("sort_stably moves what cannot be copied cheaply", "[core]") {
  std::vector<std::vector<int>> values;
  for (int i = 0; i < 40; ++i) values.push_back({(i * 7) % 40, i});
  sort_stably(values, [](const auto& a, const auto& b) { return a[0] > b[0]; });
  for (int i = 0; i < 40; ++i) CHECK(values[static_cast<std::size_t>(i)].at(0) == 39 - i);
}

}  // namespace tests::core::sort_stably
