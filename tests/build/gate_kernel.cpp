// SPDX-License-Identifier: MIT
#include <l0/gates/gate.hpp>

/// What a training step does with its gates, alone in a file: scripts/test_matrix.sh reads the assembly of its loops.
void step(l0::HardConcreteGate<float>& gate, const l0::Vector<float>& upstream);

void step(l0::HardConcreteGate<float>& gate, const l0::Vector<float>& upstream) {
  l0::Rng rng(1);
  gate.sample(rng);
  gate.backward(upstream);
}
