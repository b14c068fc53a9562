// SPDX-License-Identifier: MIT
#include <l0/penalties/l0_penalty.hpp>

struct Model {
  l0::HardConcreteGate<double>& gate;
#ifndef L0_MUST_NOT_COMPILE
  void visit(auto&& v) { v("gate", gate); }
#endif
};

double use(l0::HardConcreteGate<double>& gate) {
  Model model{gate};
  return l0::L0Penalty<double>{}.accumulate(model);
}
