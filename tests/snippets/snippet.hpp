// SPDX-License-Identifier: MIT
// What comes before the code blocks of the documentation when they are compiled; see scripts/snippets.py.
#pragma once

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <l0/l0.hpp>

namespace snippet {

inline int failures = 0;

/// Runs one block and says which one failed.
template <class Block>
void run(const char* where, Block&& block) {
  try {
    block();
    std::printf("ok      %s\n", where);
  } catch (const std::exception& error) {
    ++failures;
    std::printf("FAILED  %s: %s\n", where, error.what());
  }
}

/// Where a block shows a condition, it must hold.
inline void check(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

}  // namespace snippet
