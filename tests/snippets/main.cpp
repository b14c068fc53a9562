// SPDX-License-Identifier: MIT
// Runs the code blocks of README, CONTRIBUTING and docs, as scripts/snippets.py wrote them down.
int run_part_0();
int run_part_1();

int main() { return run_part_0() + run_part_1() == 0 ? 0 : 1; }
