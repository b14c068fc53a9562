// SPDX-License-Identifier: MIT
// Temperature schedules, and samples that stand for all: 100 of 1797 digits chosen without their labels by gates on the
// expected distance to the nearest chosen one; and gates beside a random draw, whose totals are right on average.
// For structured against unstructured sparsity see sparsity_patterns.
#include <cmath>
#include <cstdio>

#include "support.hpp"

namespace {

using l0::Index, l0::Matrix, l0::Vector;
using Images = Matrix<float>;

/// A linear layer on 60 columns of which six matter, under four schedules.
void schedules(int epochs) {
  l0::Rng data_rng(1);
  const Images x =
      Images::NullaryExpr(300, 60, [&] { return 3.5F * (static_cast<float>(data_rng() >> 40) * 0x1p-24F - 0.5F); });
  const Images y = x.col(0) - x.col(7) + 2 * x.col(20) + 0.5F * x.col(31) - 1.5F * x.col(40) + x.col(59);
  const auto steps = static_cast<Index>(epochs);
  const std::vector<std::pair<std::string, std::function<float(Index)>>> all{
      {"constant", l0::ConstantAnnealing<float>{0.5F}},
      {"linear", l0::LinearAnnealing<float>{2, 0.1F, steps}},
      {"exponential", l0::ExponentialAnnealing<float>{2, 0.1F, steps}},
      {"cosine", l0::CosineAnnealing<float>{2, 0.1F, steps}}};
  std::ofstream file("advanced_schedules.csv");
  std::puts("six of 60 columns matter    schedule  loss at the end  weights other than 0  gates strictly between");
  for (const auto& [name, schedule] : all) {
    l0::Rng rng(2);
    l0::L0Linear<float> model(60, 1, rng, {.bias = false});
    l0::Adam<float> optimizer(model.parameters(), {.learning_rate = 0.02F});
    const l0::L0Penalty<float> penalty{.lambda = 0.02F};
    for (int epoch = 0; epoch < epochs; ++epoch) {
      model.set_temperature(schedule(epoch));
      optimizer.zero_grad();
      const auto loss = l0::mse_loss(model.forward(x, rng), y);
      model.backward(loss.gradient);
      penalty.accumulate(model);
      optimizer.step();
      file << epoch << ',' << model.temperature() << ',' << model.l0_penalty() << '\n';
    }
    file << "\n\n";
    const auto z = model.gate().deterministic();
    std::printf("%36s  %15.4f  %20ld  %22ld\n", name.c_str(),
                static_cast<double>(l0::mse_loss(model.predict(x), y).value),
                static_cast<long>((model.effective_weight().array() != 0).count()),
                static_cast<long>((z.array() > 0 && z.array() < 1).count()));
  }
  file.close();
  example::draw("advanced_schedules.svg",
                "set multiplot layout 1,2\nset xlabel 'epoch'\nset ylabel 'temperature'\n"
                "names = 'constant linear exponential cosine'\n"
                "plot for [i=0:3] 'advanced_schedules.csv' index i using 1:2 with lines title word(names, i+1)\n"
                "set ylabel 'expected open gates'\n"
                "plot for [i=0:3] 'advanced_schedules.csv' index i using 1:3 with lines title word(names, i+1)\n"
                "unset multiplot\n");
}

/// Which rows of `x` stand for all, by gates trained on the coverage under a budget.
l0::SampleGate<float> train_gates(l0::Coverage<float>& coverage, Index count, int epochs, std::uint64_t seed) {
  l0::SampleGate<float> samples(coverage.size(), {.target_samples = count, .init_sparsity = 0.9F});
  samples.gate().jitter(l0::Rng(seed), 0.1F);
  l0::Adam<float> optimizer(samples.parameters(), {.learning_rate = 0.1F});
  l0::Budget<float> budget({.max_cost = static_cast<double>(count), .rate = 0.5, .restart = false});
  for (int epoch = 0; epoch < epochs; ++epoch) {
    optimizer.zero_grad();
    coverage.accumulate(samples);
    budget.accumulate(samples);
    optimizer.step();
  }
  return samples;
}

/// The share of the other rows whose nearest chosen row has their label.
double accuracy(const Images& x, const Eigen::VectorXi& y, const std::vector<Index>& chosen) {
  const Images centres = example::rows_of(x, chosen).transpose();
  std::vector<bool> is_chosen(static_cast<std::size_t>(x.rows()), false);
  for (const Index j : chosen) is_chosen[static_cast<std::size_t>(j)] = true;
  Index right = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    if (is_chosen[static_cast<std::size_t>(i)]) continue;
    Index nearest = 0;
    (centres.colwise() - x.row(i).transpose()).colwise().squaredNorm().minCoeff(&nearest);
    right += y(chosen[static_cast<std::size_t>(nearest)]) == y(i) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(x.rows() - static_cast<Index>(chosen.size()));
}

/// The chosen digits as one picture, ten in a row.
void draw_digits(const Images& x, const std::vector<Index>& chosen) {
  std::ofstream file("advanced_digits.csv");
  for (std::size_t row = 0; row < 8 * chosen.size() / 10; ++row) {
    for (std::size_t column = 0; column < 80; ++column) {
      const Index digit = chosen[10 * (row / 8) + column / 8];
      file << (column == 0 ? "" : ",") << x(digit, static_cast<Index>(8 * (row % 8) + column % 8));
    }
    file << '\n';
  }
  file.close();
  example::draw("advanced_digits.svg",
                "set size ratio -1\nunset border\nunset tics\nset yrange [*:*] reverse\nunset colorbox\n"
                "set palette gray negative\nplot 'advanced_digits.csv' matrix with image notitle\n");
}

void representative_digits(int seeds, int epochs) {
  const example::Table table = example::read_table("digits.csv");
  const Images x = table.x.cast<float>() / 16;
  const Eigen::VectorXi y = table.y.cast<int>();
  l0::Coverage<float> coverage(x);
  std::puts(
      "\n100 of 1797 digits; the others classified by the nearest of them, labels unseen by the choice\n"
      "seed  accuracy: gates  random  mean distance: gates  random");
  Eigen::Vector4d sum = Eigen::Vector4d::Zero();
  for (int seed = 0; seed < seeds; ++seed) {
    const auto chosen = train_gates(coverage, 100, epochs, static_cast<std::uint64_t>(seed)).selected();
    if (seed == 0) draw_digits(x, chosen);
    std::vector<Index> random = example::split_rows(x.rows(), 0, static_cast<unsigned>(seed)).train;
    random.resize(100);
    const Eigen::Vector4d now(100 * accuracy(x, y, chosen), 100 * accuracy(x, y, random),
                              static_cast<double>(coverage.distance(chosen)),
                              static_cast<double>(coverage.distance(random)));
    std::printf("%4d  %15.2f  %6.2f  %20.4f  %6.4f\n", seed, now(0), now(1), now(2), now(3));
    sum += now;
  }
  sum /= seeds;
  std::printf("mean  %15.2f  %6.2f  %20.4f  %6.4f   %.2f points better\n", sum(0), sum(1), sum(2), sum(3),
              sum(0) - sum(1));
}

/// 2000 households with skewed incomes of which the gates keep the largest: totals of 200, by three ways.
void hybrid_totals(int draws) {
  const Index n = 2000;
  l0::Rng rng(5);
  const Eigen::VectorXd income = Eigen::VectorXd::NullaryExpr(
      n, [&] { return 20 / std::pow(1 - static_cast<double>(rng() >> 11) * 0x1p-53, 0.6); });
  std::ofstream file("advanced_totals.csv");
  std::printf("\ntotal income of %ld households, of %.0f, from 200, %d draws\n%22s  mean / total  relative deviation\n",
              static_cast<long>(n), income.sum(), draws, "chosen");
  for (const double share : {0.0, 0.25, 0.5}) {
    l0::HybridGate<double> hybrid(n, {.l0_fraction = share, .random_fraction = 1 - share, .target_items = 200});
    // Gates that would be trained; here they know the incomes.
    hybrid.log_alpha() = (income.array() / income.mean()).log();
    double mean = 0;
    double square = 0;
    for (int k = 0; k < draws; ++k) {
      const auto chosen = hybrid.select(income, rng);
      const double ratio = chosen.data.dot(chosen.weights) / income.sum();
      file << ratio << '\n';
      mean += ratio / draws;
      square += (ratio - 1) * (ratio - 1) / draws;
    }
    file << "\n\n";
    std::printf("%9.0f %% by gates    %12.4f  %18.4f\n", 100 * share, mean, std::sqrt(square));
  }
  file.close();
  example::draw("advanced_totals.svg",
                "set xlabel 'estimated total / total'\nset ylabel 'draws'\nset style fill solid 0.5\n"
                "set boxwidth 0.01\nset xrange [0.7:1.3]\n"
                "plot for [i=0:2] 'advanced_totals.csv' index i using (floor($1*100)/100.0+0.005):(1) smooth freq with "
                "boxes title i == 0 ? 'random' : sprintf('%d %% by gates', 25*i)\n");
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  schedules(quick ? 50 : 1000);
  representative_digits(quick ? 1 : 10, quick ? 20 : 1000);
  hybrid_totals(quick ? 50 : 1000);
}
