// SPDX-License-Identifier: MIT
// Runs the code blocks of README, CONTRIBUTING and docs, as scripts/snippets.py wrote them down.
#include "snippet.hpp"

void run_part_0();
void run_part_1();

int main() {
  run_part_0();
  run_part_1();
  return snippet::failures == 0 ? 0 : 1;
}
