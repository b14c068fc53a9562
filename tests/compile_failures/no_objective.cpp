// SPDX-License-Identifier: MIT
#include <l0/training/minimize.hpp>

Eigen::VectorXd use() {
#ifdef L0_MUST_NOT_COMPILE
  const auto f = [](const Eigen::VectorXd& w) { return w.squaredNorm(); };
#else
  const auto f = [](const Eigen::VectorXd& w, Eigen::VectorXd& gradient) {
    gradient = 2 * w;
    return w.squaredNorm();
  };
#endif
  return l0::minimize(f, Eigen::VectorXd::Ones(3)).weights;
}
