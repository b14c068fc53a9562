// SPDX-License-Identifier: MIT
// Gates around an objective of one's own: robust regression with Huber's loss on data where every tenth target is
// wrong. `minimize` takes any function that returns its value and writes its gradient.
#include <cmath>
#include <iomanip>
#include <random>

#include "support.hpp"

namespace {

using Eigen::Index;

/// (1/n) Σ h(xᵢᵀw − yᵢ), h(r) = r²/2 for |r| ≤ 1, |r| − ½ beyond.
class HuberLoss {
 public:
  HuberLoss(Eigen::MatrixXd x, Eigen::VectorXd y) : x_(std::move(x)), y_(std::move(y)) {}

  double operator()(const Eigen::VectorXd& w, Eigen::VectorXd& gradient) const {
    const auto n = static_cast<double>(y_.size());
    const Eigen::VectorXd residual = x_ * w - y_;
    const Eigen::ArrayXd pull = residual.array().cwiseMax(-1).cwiseMin(1);
    gradient = x_.transpose() * pull.matrix() / n;
    return (pull * (residual.array() - pull / 2)).sum() / n;
  }

 private:
  Eigen::MatrixXd x_;
  Eigen::VectorXd y_;
};

}  // namespace

int main(int argc, char** argv) {
  const Index epochs = example::quick(argc, argv) ? 200 : 2000;
  constexpr Index samples = 300;
  constexpr Index features = 100;
  l0::Rng rng(11);
  std::normal_distribution<double> normal;
  const Eigen::MatrixXd x = Eigen::MatrixXd::NullaryExpr(samples, features, [&] { return normal(rng); });
  Eigen::VectorXd truth = Eigen::VectorXd::Zero(features);
  for (const Index j : {5, 17, 42, 63, 90}) truth(j) = j % 2 == 0 ? -1.5 : 1.0;
  Eigen::VectorXd y = x * truth + 0.3 * Eigen::VectorXd::NullaryExpr(samples, [&] { return normal(rng); });
  for (Index i = 0; i < samples; i += 10) y(i) += 20;
  std::cout << features << " features, 5 of them count, every tenth target is wrong by 20\n\n"
            << "truth:                 5:+1.00  17:+1.00  42:-1.50  63:+1.00  90:-1.50\n";

  const HuberLoss huber(x, y);
  const Eigen::VectorXd start = Eigen::VectorXd::Zero(features);
  std::ofstream csv("custom_objective.csv");
  csv << "feature,truth,weight\n";
  const auto show = [&](const std::string& name, const auto& sparse) {
    std::cout << std::left << std::setw(23) << name << std::fixed << std::setprecision(2) << std::showpos;
    for (const Index j : sparse.active)
      std::cout << std::noshowpos << j << ':' << std::showpos << sparse.weights(j) << "  ";
    std::cout << std::noshowpos << " (error " << (sparse.weights - truth).norm() << ")\n";
  };

  const auto priced = l0::minimize(huber, start, {.lambda_l0 = 0.03, .epochs = epochs});
  show("price 0.03 per weight:", priced);
  const auto budgeted = l0::minimize(huber, start, {.max_active = 5, .epochs = epochs});
  show("budget of 5 weights:", budgeted);
  // The same with squared error, which the wrong targets mislead.
  const auto squares = [&](const Eigen::VectorXd& w, Eigen::VectorXd& gradient) {
    const Eigen::VectorXd residual = x * w - y;
    gradient = 2.0 / samples * (x.transpose() * residual);
    return residual.squaredNorm() / samples;
  };
  show("squared error, 5:", l0::minimize(squares, start, {.max_active = 5, .epochs = epochs}));
  for (Index j = 0; j < features; ++j) csv << j << ',' << truth(j) << ',' << budgeted.weights(j) << '\n';
  std::cout << "\nweights: custom_objective.csv\n";
  csv.close();
  example::draw(
      "custom_objective.svg",
      "set title 'Recovered weights and the truth'\nset xlabel 'feature'\nset ylabel 'weight'\nset xzeroaxis\nset key "
      "bottom left\n"
      "plot 'custom_objective.csv' every ::1 using 1:2 with impulses lw 6 lc '#bbbbbb' title 'truth', '' every ::1 "
      "using 1:($3!=0 ? $3 : 1/0) with points pt 7 ps 0.8 lc '#2166ac' title 'recovered, budget of 5'\n");
}
