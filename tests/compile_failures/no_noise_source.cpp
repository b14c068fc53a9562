// SPDX-License-Identifier: MIT
#include <l0/gates/gate.hpp>

struct Silence {
#ifndef L0_MUST_NOT_COMPILE
  auto uniforms(const l0::NoiseRequest& request) const { return l0::Rng(0).uniforms(request); }
#endif
};

void use(l0::HardConcreteGate<double>& gate) { gate.sample(Silence{}); }
