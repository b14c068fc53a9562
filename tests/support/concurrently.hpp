// SPDX-License-Identifier: MIT
#pragma once

#include <thread>
#include <vector>

namespace l0::test {

/// Whether `use()`, called from three threads at once and a few times each, gives what it gives to one: what const
/// functions promise. The thread sanitizer (`cmake --preset tsan`) looks for what the results do not show.
template <class Use>
bool same_from_threads(Use&& use) {
  const auto expected = use();
  std::vector<char> same(3, 1);
  std::vector<std::thread> threads;
  for (char& good : same) {
    threads.emplace_back([&] {
      for (int k = 0; k < 3; ++k) good = good == 1 && use() == expected ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  return same == std::vector<char>(3, 1);
}

}  // namespace l0::test
