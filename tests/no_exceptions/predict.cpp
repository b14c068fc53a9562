// SPDX-License-Identifier: MIT
// A program that only predicts, for targets without exceptions and without type information. With an argument it gives
// a wrong batch: then the message is passed to L0_ON_ERROR, or written before the program aborts.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#ifdef L0_TEST_ON_ERROR
[[noreturn]] void restart(const char* message) {
  std::printf("restart: %s\n", message);
  std::exit(0);
}
#define L0_ON_ERROR(message) restart(message)
#endif

#include <l0/l0.hpp>

int main(int argc, char**) {
  std::signal(SIGABRT, [](int) { std::_Exit(0); });
  using Model = l0::CompactModel<float>;
  l0::DenseOrSparseLinear<float> linear;
  linear.weight.resize(1, 2);
  linear.weight << 2, -1;
  linear.bias.setConstant(1, 0.5F);
  const Model model(3, {l0::SelectColumns{{0, 2}}, std::move(linear)});
  Eigen::MatrixXf X = Eigen::MatrixXf::Zero(1, argc > 1 ? 2 : 3);
  if (argc == 1) X << 1, 10, 4;
  const float y = model.predict(X)(0, 0);
  std::printf("prediction %g\n", static_cast<double>(y));
  return y == -1.5F ? 0 : 1;
}
