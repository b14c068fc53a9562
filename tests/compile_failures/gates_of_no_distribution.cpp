// SPDX-License-Identifier: MIT
#include <l0/gates/gate.hpp>

struct Uniform {
  using Scalar = double;
};

#ifdef L0_MUST_NOT_COMPILE
using Gates = l0::Gate<Uniform>;
#else
using Gates = l0::Gate<l0::HardConcrete<double>>;
#endif

void use(l0::Rng& rng) { Gates({}, 3, 1).sample(rng); }
