// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>

void use(l0::L0Linear<double>& layer, const Eigen::MatrixXf& X, l0::Rng& rng) {
#ifdef L0_MUST_NOT_COMPILE
  layer.forward(X, rng);
#else
  layer.forward(X.cast<double>(), rng);
#endif
}
