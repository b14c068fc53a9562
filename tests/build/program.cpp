// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdio>

#include <l0/l0.hpp>

/// A user's first program: a network that is trained under a budget, pruned and compacted, then a linear regression. It
/// prints its figures, and ends with 1 where one of them is not what every compiler, Eigen, order of storage, type of
/// index and processor should give. The network trains with noise in single precision: where sums are taken in another
/// order or are fused, an input at the edge may stay or go, which changes the loss by less than 0.01.
namespace {

bool all_good = true;

void tell(const char* name, double value, double expected, double tolerance) {
  const bool good = std::abs(value - expected) <= tolerance;  // false for NaN, but not under -ffinite-math-only
  all_good = all_good && good;
  std::printf("%-24s %10.4f%s\n", name, value, good ? "" : "  WRONG");
  if (!good) std::printf("%-24s %10.4f\n", "  expected", expected);
}

/// The same numbers everywhere: std distributions differ between libraries.
const auto number = [](Eigen::Index i, Eigen::Index j) {
  const auto mixed = static_cast<std::uint32_t>(i * 7919 + j * 104729 + 1) * 2654435761U;
  return static_cast<double>((mixed ^ (mixed >> 15)) % 20011U) / 10005.5 - 1;
};

}  // namespace

int main() {
  const Eigen::MatrixXd X = Eigen::MatrixXd::NullaryExpr(400, 20, number);
  const Eigen::VectorXd y = 2 * X.col(3) - X.col(7) + 0.5 * X.col(11);

  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float, l0::PerInput>(20, 64, rng), l0::Relu{},
                     l0::L0Linear<float, l0::PerInput>(64, 1, rng)};
  const Eigen::MatrixXf x = X.cast<float>();
  const Eigen::VectorXf target = y.cast<float>();
  l0::Budget<float> budget({.max_share = 0.4, .rate = 0.01});
  l0::Trainer trainer(net, {.epochs = 60, .batch_size = 40, .seed = 1, .learning_rate = 0.01});
  const auto report = trainer.fit(x, target, budget);
  l0::prune(net);
  const auto small = l0::compact(net);
  const Eigen::MatrixXf predicted = net.predict(x);
  const double loss = l0::mse_loss(predicted, target).value;

  tell("steps", static_cast<double>(report.steps), 600, 0);
  tell("inputs kept", static_cast<double>((net.part<0>().gate().deterministic().array() > 0).count()), 4, 1);
  tell("loss", loss, 0.0587, 0.01);
  tell("loss when compact", l0::mse_loss(small.predict(x), target).value, loss, 1e-5);

  l0::LinearRegression<double> model;
  model.fit(X, y);
  tell("features", static_cast<double>(model.selected_features().size()), 3, 0);
  tell("coefficient of x3", model.coefficients()(3), 2, 1e-3);
  tell("coefficient of x7", model.coefficients()(7), -1, 1e-3);
  tell("loss of the regression", (model.predict(X) - y).squaredNorm() / 400, 0, 1e-3);
  return all_good ? 0 : 1;
}
