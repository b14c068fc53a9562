// SPDX-License-Identifier: MIT
// The first chapter: a linear layer with a gate on every weight, trained by hand. 100 features of which 20 matter, 400
// rows to train and 100 to test; then the price of a gate against what is kept, with 10 of 50 features in 200 rows.
#include <cmath>
#include <cstdio>

#include "support.hpp"

namespace {

using Eigen::MatrixXf, l0::Index;

struct Data {
  MatrixXf x, y;
};

/// y = X w + 0.1 noise, X and noise normal, w normal of deviation 2 for the first features.
Data make_data(Index rows, Index features, Index informative, std::uint64_t seed) {
  l0::Rng rng(seed);
  const auto uniform = [&] { return (static_cast<float>(rng() >> 41) + 0.5F) * 0x1p-23F; };
  const auto normal = [&] { return std::sqrt(-2 * std::log(uniform())) * std::cos(6.2831853F * uniform()); };
  Data data{MatrixXf::NullaryExpr(rows, features, normal), {}};
  const Eigen::VectorXf w = 2 * Eigen::VectorXf::NullaryExpr(informative, normal);
  data.y = data.x.leftCols(informative) * w + 0.1F * MatrixXf::NullaryExpr(rows, 1, normal);
  return data;
}

l0::L0Linear<float> train(const Data& data, float lambda, int epochs, std::ostream& log) {
  l0::Rng rng(42);
  l0::L0Linear<float> model(data.x.cols(), 1, rng, {.bias = false, .init_sparsity = 0.5F});
  l0::Adam<float> optimizer(model.parameters(), {.learning_rate = 0.02F});
  const l0::L0Penalty<float> penalty{.lambda = lambda};
  const l0::ExponentialAnnealing<float> temperature{.from = 1, .to = 0.1F, .steps = epochs};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(model.forward(data.x, rng), data.y);
    model.backward(loss.gradient);
    const float objective = loss.value + penalty.accumulate(model);
    optimizer.step();
    log << epoch << ',' << objective << ',' << model.sparsity() << '\n';
  }
  return model;
}

}  // namespace

int main(int argc, char** argv) {
  const int epochs = example::quick(argc, argv) ? 100 : 2000;
  const Data all = make_data(500, 100, 20, 42);
  const Data data{all.x.topRows(400), all.y.topRows(400)};
  std::ofstream log("basic_l0.csv");
  const auto model = train(data, 0.01F, epochs, log);
  log.close();
  const float error = l0::mse_loss(model.predict(all.x.bottomRows(100)), all.y.bottomRows(100)).value;
  const auto kept = (model.effective_weight().leftCols(20).array() != 0).count();
  std::printf(
      "100 features, 20 of them matter: sparsity %.0f %% (truth 80 %%), %ld of the 20 kept, test error %.4f "
      "(noise 0.01)\n\n",
      100 * static_cast<double>(model.sparsity()), static_cast<long>(kept), static_cast<double>(error));

  const Data small = make_data(200, 50, 10, 7);
  std::ofstream prices("basic_l0_prices.csv");
  std::ofstream nowhere;
  std::puts("10 of 50 features matter   price  features kept  sparsity  training error");
  for (const float lambda : {0.0F, 1e-4F, 1e-3F, 1e-2F, 1e-1F, 1.0F, 1e1F}) {
    const auto fit = train(small, lambda, epochs, nowhere);
    const auto active = static_cast<long>((fit.effective_weight().array() != 0).count());
    const auto mse = static_cast<double>(l0::mse_loss(fit.predict(small.x), small.y).value);
    std::printf("%32g  %13ld  %6.0f %%  %14.4f\n", static_cast<double>(lambda), active,
                100 * static_cast<double>(fit.sparsity()), mse);
    prices << lambda << ',' << active << ',' << fit.sparsity() << ',' << mse << '\n';
  }
  prices.close();
  example::draw(
      "basic_l0.svg",
      "set multiplot layout 2,2\nset xlabel 'epoch'\nset ylabel 'objective'\nset logscale y\n"
      "plot 'basic_l0.csv' using 1:2 with lines notitle\nunset logscale y\n"
      "set ylabel 'sparsity'\nset yrange [0:1]\nset key bottom right\n"
      "plot 'basic_l0.csv' using 1:3 with lines title 'learned', 0.8 dt 2 title 'true'\n"
      "set xlabel 'price of a gate'\nset ylabel 'features kept'\nset yrange [0:*]\nset logscale x\n"
      "plot 'basic_l0_prices.csv' using 1:2 every ::1 with linespoints pt 7 notitle, 10 dt 2 title 'true'\n"
      "unset logscale x\nset xlabel 'sparsity'\nset ylabel 'training error'\nset yrange [*:*]\nset logscale y\n"
      "plot 'basic_l0_prices.csv' using 3:4 with linespoints pt 7 notitle\nunset multiplot\n");
}
