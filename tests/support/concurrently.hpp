// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <latch>
#include <thread>
#include <vector>

namespace l0::test {

/// Whether `use()`, called from three threads at once and a few times each, gives what it gives to one: what const
/// functions promise. The threads come first: a call before them would fill what a const function keeps for the next,
/// and hide that it does. The thread sanitizer (`cmake --preset tsan`) looks for what the results do not show.
template <class Use>
bool same_from_threads(Use&& use) {
  using Result = decltype(use());
  std::vector<std::vector<Result>> results(3);
  std::latch together(3);
  std::vector<std::thread> threads;
  for (auto& given : results) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      for (int k = 0; k < 3; ++k) given.push_back(use());
    });
  }
  for (auto& thread : threads) thread.join();
  const Result expected = use();
  return std::all_of(results.begin(), results.end(), [&](const auto& given) {
    return std::all_of(given.begin(), given.end(), [&](const Result& result) { return result == expected; });
  });
}

}  // namespace l0::test
