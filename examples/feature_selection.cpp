// SPDX-License-Identifier: MIT
// Which of 500 features tell two classes apart, and which of 20 do so only together? A FeatureGate in front of a linear
// classifier and in front of a network; a logistic regression with the same budget beside both.
//
// The data are normal, 1000 rows. First task: y = [Σ wⱼ xⱼ > 0], with w for the first 30 of 500 features and either
// |w| uniform in [1, 3] and signs at random, or w normal, where weights near 0 leave no trace in the labels. Second
// task: y = [x₀ x₁ > 0] among 20 features, where every single feature, and every linear model, is blind.
#include <cmath>
#include <cstdio>
#include <random>

#include "support.hpp"

namespace {

using l0::Index, l0::Matrix;
using Gates = l0::FeatureGate<float>;

struct Labelled {
  Matrix<float> x;
  Matrix<float> y;  // 0 or 1
};

Matrix<float> normal_rows(Index rows, Index columns, l0::Rng& rng) {
  std::normal_distribution<float> normal;
  return Matrix<float>::NullaryExpr(rows, columns, [&] { return normal(rng); });
}

Labelled linear_labels(bool normal_weights, l0::Rng& rng) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> size(1, 3);
  Labelled data{normal_rows(1000, 500, rng), {}};
  Eigen::VectorXf w(30);
  for (float& weight : w) weight = normal_weights ? 2 * normal(rng) : (rng() % 2 == 0 ? 1.0F : -1.0F) * size(rng);
  data.y = ((data.x.leftCols(30) * w).array() > 0).cast<float>();
  return data;
}

Labelled interaction(Index rows, Index features, l0::Rng& rng) {
  Labelled data{normal_rows(rows, features, rng), {}};
  data.y = (data.x.col(0).array() * data.x.col(1).array() > 0).cast<float>();
  return data;
}

/// A layer without gates of its own: they are open for good.
l0::L0Linear<float> open_layer(Index inputs, Index outputs, l0::Rng& rng) {
  l0::L0Linear<float> layer(inputs, outputs, rng);
  layer.log_alpha().setConstant(20);
  layer.gate().freeze();
  return layer;
}

/// Trains a network whose part 0 is a FeatureGate, under a budget of features: the price finds itself.
template <class Network>
void train(Network& net, const Labelled& data, int epochs, double features, l0::Rng& rng) {
  auto& gates = net.template part<0>();
  l0::Adam<float> optimizer(net.parameters(), {.learning_rate = 0.01F, .gate_learning_rate = 0.03F});
  l0::Budget<float> budget({.max_cost = features, .rate = 0.05, .restart = false});
  const l0::ExponentialAnnealing<float> temperature{.from = 2.0F / 3, .to = 0.1F, .steps = epochs};
  Matrix<float> gradient;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    gates.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    l0::binary_cross_entropy_loss(net.forward(data.x, rng), data.y, gradient);
    net.backward(gradient);
    budget.accumulate(gates);
    optimizer.step();
  }
}

/// How many of the first `informative` features are among the chosen.
long found(const std::vector<Index>& chosen, Index informative) {
  return std::count_if(chosen.begin(), chosen.end(), [&](Index j) { return j < informative; });
}

std::vector<Index> by_logistic_regression(const Labelled& data, Index features) {
  l0::LogisticRegression<double> model({.max_features = features});
  model.fit(data.x.cast<double>(), Eigen::VectorXd(data.y.col(0).cast<double>()));
  return model.selected_features();
}

void draw_importance(const Gates& gates) {
  std::ofstream file("feature_selection.csv");
  file << "feature,importance\n";
  const auto importance = gates.importance();
  for (Index j = 0; j < importance.size(); ++j) file << j << ',' << importance(j) << '\n';
  file.close();
  example::draw(
      "feature_selection.svg",
      "set multiplot layout 1,2\nset style fill solid 0.6\nset yrange [0:1.05]\n"
      "set xlabel 'feature'\nset ylabel 'importance, P(z > 0)'\nset xrange [-1:100]\n"
      "set arrow from 29.5,0 to 29.5,1.05 nohead dashtype 2\n"
      "plot 'feature_selection.csv' using 1:2 every ::1 with impulses lw 3 title 'first 100; 30 informative'\n"
      "unset arrow\nset xlabel 'importance'\nset ylabel 'features'\nset xrange [0:1]\nset yrange [0.5:*]\n"
      "set logscale y\nset boxwidth 0.045\n"
      "plot 'feature_selection.csv' using (floor($2*20)/20.0+0.025):(1) every ::1 smooth freq with boxes "
      "title 'all 500'\nunset multiplot\n");
}

/// 30 of 500 features.
void linear_task(bool normal_weights, int seeds, int epochs) {
  std::printf(
      "1000 x 500, 30 informative, weights %s\nseed  of 30: FeatureGate  LogisticRegression (of so many kept)\n",
      normal_weights ? "normal" : "of size 1 to 3");
  int good = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    l0::Rng rng(static_cast<std::uint64_t>(seed));
    const Labelled data = linear_labels(normal_weights, rng);
    l0::Sequential net{Gates(500, {.max_features = 30}), open_layer(500, 1, rng)};
    train(net, data, epochs, 30, rng);
    const long by_gates = found(net.part<0>().selected(), 30);
    const auto regression = by_logistic_regression(data, 30);
    std::printf("%4d  %18ld  %11ld (%ld)\n", seed, by_gates, found(regression, 30),
                static_cast<long>(regression.size()));
    good += by_gates >= 29 ? 1 : 0;
    if (seed == 0 && !normal_weights) draw_importance(net.part<0>());
  }
  std::printf("FeatureGate finds at least 29 in %d of %d\n\n", good, seeds);
}

/// Two of 20 features, through a network.
void interaction_task(int seeds, int epochs) {
  std::puts("1000 x 20, y = [x0 x1 > 0]\nseed  FeatureGate  accuracy on new data  LogisticRegression");
  int good = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    l0::Rng rng(static_cast<std::uint64_t>(seed));
    const Labelled data = interaction(1000, 20, rng);
    const Labelled fresh = interaction(2000, 20, rng);
    l0::Sequential net{Gates(20, {.max_features = 2, .init_sparsity = 0.1F}), open_layer(20, 32, rng), l0::Relu{},
                       open_layer(32, 1, rng)};
    train(net, data, epochs, 2, rng);
    std::vector<std::string> names;
    for (int j = 0; j < 20; ++j) names.push_back("x" + std::to_string(j));
    const auto chosen = net.part<0>().selected_names(names);
    const double accuracy = ((net.predict(fresh.x).array() > 0) == (fresh.y.array() > 0.5F)).cast<double>().mean();
    const auto linear = by_logistic_regression(data, 2);
    std::printf("%4d  %5s, %s  %20.1f %%  x%ld, x%ld\n", seed, chosen[0].c_str(), chosen[1].c_str(), 100 * accuracy,
                static_cast<long>(linear.front()), static_cast<long>(linear.back()));
    good += found(net.part<0>().selected(), 2) == 2 ? 1 : 0;
  }
  std::printf("The gates in front of a network find x0 and x1 in %d of %d\n", good, seeds);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  const int seeds = quick ? 1 : 10;
  linear_task(false, seeds, quick ? 30 : 500);
  linear_task(true, seeds, quick ? 30 : 500);
  interaction_task(seeds, quick ? 30 : 1000);
}
