// SPDX-License-Identifier: MIT
#include "shared.hpp"

std::vector<double> second();  // second.cpp

/// Both files have instantiated the same templates: they link, and give the same bits.
int main() {
  const auto first = use_everything();
  return first.size() == 8 && first == second() ? 0 : 1;
}
