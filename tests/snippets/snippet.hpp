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

/// Runs one block; says what went wrong and returns 1 if it did.
template <class Block>
int run(const char* where, Block&& block) {
  try {
    block();
    std::printf("ok      %s\n", where);
    return 0;
  } catch (const std::exception& error) {
    std::printf("FAILED  %s: %s\n", where, error.what());
    return 1;
  }
}

}  // namespace snippet
