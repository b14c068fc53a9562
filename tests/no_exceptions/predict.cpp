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
  l0::Matrix<float> weight(1, 2);
  weight << 2, -1;
  l0::Network<float> model;
  model.add(l0::SelectColumns<float>(3, {0, 2}, l0::Vector<float>::Zero(2)));
  model.add(l0::Linear<float>(weight, l0::Vector<float>(l0::Vector<float>::Constant(1, 0.5F))));
  Eigen::MatrixXf X = Eigen::MatrixXf::Zero(1, argc > 1 ? 2 : 3);
  if (argc == 1) X << 1, 10, 4;
  const float y = model.predict(X)(0, 0);
  std::printf("prediction %g\n", static_cast<double>(y));
  return y == -1.5F ? 0 : 1;
}
