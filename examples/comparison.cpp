// SPDX-License-Identifier: MIT
// L0 against L1 and L2 where the truth is known: exact zeros, and what happens to the coefficients that are kept.
//
// 300 rows to train, 200 to choose L1's and L2's price by, 2000 to test; 100 columns with correlation 0.5^|i−j|, 10
// true coefficients of size 0.5 to 2 with signs at random, noise of deviation 1.
#include <cmath>
#include <cstdio>
#include <numbers>

#include <Eigen/Cholesky>

#include "support.hpp"

namespace {

using Eigen::MatrixXd, Eigen::VectorXd, l0::Index;
using example::Part;

constexpr Index columns = 100;
constexpr Index true_columns = 10;

struct Instance {
  VectorXd truth;
  Part train, validation, test;
};

Instance make_instance(std::uint64_t seed) {
  l0::Rng rng(seed);
  const auto uniform = [&] { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1p-53; };
  const auto normal = [&] { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); };
  Instance made{VectorXd::Zero(columns), {}, {}, {}};
  for (Index j = 0; j < true_columns; ++j) {
    made.truth(j * columns / true_columns + 3) = (uniform() < 0.5 ? -1 : 1) * (0.5 + 1.5 * uniform());
  }
  const auto part = [&](Index rows) {
    MatrixXd x(rows, columns);
    for (Index i = 0; i < rows; ++i) {
      x(i, 0) = normal();
      for (Index j = 1; j < columns; ++j) x(i, j) = 0.5 * x(i, j - 1) + std::sqrt(0.75) * normal();
    }
    VectorXd y = x * made.truth;
    for (double& value : y) value += normal();
    return Part{std::move(x), std::move(y)};
  };
  made.train = part(300);
  made.validation = part(200);
  made.test = part(2000);
  return made;
}

/// Sampled gates, trained by hand; writes how many weights are 0 after each epoch.
l0::L0Linear<double> train_l0(const Part& data, int epochs, std::vector<double>& zeros) {
  l0::Rng rng(1);
  l0::L0Linear<double> model(columns, 1, rng, {.bias = false});
  l0::Adam<double> optimizer(model.parameters(), {.learning_rate = 0.02});
  const l0::L0Penalty<double> penalty{.lambda = 0.03};
  const l0::ExponentialAnnealing<double> temperature{.from = 1, .to = 0.1, .steps = epochs * 3 / 4};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(model.forward(data.x, rng), data.y);
    model.backward(loss.gradient);
    penalty.accumulate(model);
    optimizer.step();
    zeros.push_back(static_cast<double>((model.effective_weight().array() == 0).count()));
  }
  return model;
}

/// min ‖y − Xw‖²/2n + λ‖w‖₁ by coordinate descent: w_j ← soft(w_j + x_jᵀr/‖x_j‖², λn/‖x_j‖²), from `w` on.
void sweep_l1(const Part& data, double lambda, VectorXd& w, VectorXd& residual) {
  const double price = lambda * static_cast<double>(data.y.size());
  for (Index j = 0; j < w.size(); ++j) {
    const double square = data.x.col(j).squaredNorm();
    const double step = w(j) + data.x.col(j).dot(residual) / square;
    const double moved = std::copysign(std::max(std::abs(step) - price / square, 0.0), step);
    if (moved != w(j)) residual += (w(j) - moved) * data.x.col(j);
    w(j) = moved;
  }
}

VectorXd fit_l1(const Part& data, double lambda, VectorXd w) {
  VectorXd residual = data.y - data.x * w;
  for (int sweep = 0; sweep < 1000; ++sweep) {
    const VectorXd before = w;
    sweep_l1(data, lambda, w, residual);
    if ((w - before).cwiseAbs().maxCoeff() < 1e-9) break;
  }
  return w;
}

VectorXd fit_l2(const Part& data, double lambda) {
  MatrixXd gram = data.x.transpose() * data.x;
  gram.diagonal().array() += lambda * static_cast<double>(data.y.size());
  return gram.ldlt().solve(data.x.transpose() * data.y);
}

/// Along falling prices, the fit with the smallest validation error.
template <class Fit>
std::pair<VectorXd, double> choose(const Instance& given, Fit&& fit) {
  VectorXd w = VectorXd::Zero(columns);
  VectorXd best = w;
  double price = 0;
  for (double lambda = 1; lambda > 1e-4; lambda *= 0.8) {
    w = fit(lambda, w);
    if (price > 0 && given.validation.error(w) >= given.validation.error(best)) continue;
    best = w;
    price = lambda;
  }
  return {best, price};
}

/// Zeros among the false, misses among the true, mean of (w/truth − 1) over the true, test error.
Eigen::Vector4d judge(const Instance& given, const VectorXd& w) {
  const auto is_true = given.truth.array() != 0;
  const double zeros = static_cast<double>((!is_true && w.array() == 0).count());
  const double missed = static_cast<double>((is_true && w.array() == 0).count());
  double shrunk = 0;
  for (Index j = 0; j < columns; ++j) {
    if (given.truth(j) != 0) shrunk += (w(j) / given.truth(j) - 1) / static_cast<double>(true_columns);
  }
  return {zeros, missed, shrunk, given.test.error(w)};
}

void draw_comparison(const Instance& given, const std::vector<VectorXd>& fits, const VectorXd& gates,
                     const std::vector<double>& zeros_l0, const std::vector<double>& zeros_l1) {
  std::ofstream file("comparison.csv");
  for (Index j = 0; j < columns; ++j) {
    file << j << ',' << given.truth(j);
    for (const auto& w : fits) file << ',' << w(j);
    file << ',' << gates(j) << '\n';
  }
  file.close();
  std::ofstream curves("comparison_zeros.csv");
  for (std::size_t k = 0; k < zeros_l0.size(); ++k) {
    curves << k + 1 << ',' << zeros_l0[k] << ',' << zeros_l1[std::min(k, zeros_l1.size() - 1)] << '\n';
  }
  curves.close();
  example::draw(
      "comparison.svg",
      "set multiplot layout 2,2\nset key top center\nset xlabel 'true coefficient'\nset ylabel 'estimate - truth'\n"
      "plot 0 dt 2 lc 'gray' notitle, 'comparison.csv' using 2:($3-$2) pt 7 ps 0.6 title 'L0', '' using 2:($5-$2) pt 4 "
      "ps 0.6 title 'L1', '' using 2:($6-$2) pt 1 ps 0.6 title 'L2'\n"
      "set xlabel 'coefficient'\nset ylabel 'how many'\nset logscale y\nset yrange [0.5:120]\nset style fill solid "
      "0.5\n"
      "set boxwidth 0.08\nbin(x) = floor(x*10+0.5)/10.0\n"
      "plot 'comparison.csv' using (bin($3)):(1) smooth freq with boxes title 'L0', '' using (bin($5)):(1) smooth freq "
      "with steps lw 2 title 'L1', '' using (bin($6)):(1) smooth freq with steps lw 2 title 'L2'\n"
      "unset logscale y\nset yrange [0:100]\nset key bottom right\nset xlabel 'epoch, sweep'\nset ylabel 'exact "
      "zeros'\n"
      "set logscale x\nplot 90 dt 2 lc 'gray' title 'truth', 'comparison_zeros.csv' using 1:2 with lines title 'L0', "
      "'' "
      "using 1:3 with lines title 'L1'\n"
      "unset logscale x\nset xlabel 'gate'\nset ylabel 'how many'\nset xrange [-0.1:1.1]\n"
      "plot 'comparison.csv' using (bin($8)):(1) smooth freq with boxes title 'gates of L0'\nunset multiplot\n");
}

}  // namespace

int main(int argc, char** argv) {
  const auto [seeds, epochs] = example::quick(argc, argv) ? std::pair{2, 100} : std::pair{20, 2000};
  const char* names[] = {"L0, gates sampled by hand", "L0, LinearRegression", "L1, coordinate descent", "L2, ridge",
                         "truth"};
  std::vector<Eigen::Vector4d> sums(5, Eigen::Vector4d::Zero());
  for (int seed = 0; seed < seeds; ++seed) {
    const Instance given = make_instance(static_cast<std::uint64_t>(seed));
    std::vector<double> zeros_l0, zeros_l1;
    const auto gated = train_l0(given.train, epochs, zeros_l0);
    l0::LinearRegression<double> regression;  // the size chosen by its criterion, the validation part unseen
    regression.fit(given.train.x, given.train.y);
    const auto [l1, price] =
        choose(given, [&](double lambda, const VectorXd& w) { return fit_l1(given.train, lambda, w); });
    const auto l2 = choose(given, [&](double lambda, const VectorXd&) { return fit_l2(given.train, lambda); }).first;
    const std::vector<VectorXd> fits{gated.effective_weight().transpose(), regression.coefficients(), l1, l2,
                                     given.truth};
    for (std::size_t k = 0; k < fits.size(); ++k) sums[k] += judge(given, fits[k]) / seeds;
    if (seed > 0) continue;
    VectorXd w = VectorXd::Zero(columns);
    VectorXd residual = given.train.y;
    for (int sweep = 0; sweep < 30; ++sweep) {
      sweep_l1(given.train, price, w, residual);
      zeros_l1.push_back(static_cast<double>((w.array() == 0).count()));
    }
    draw_comparison(given, fits, gated.gate().deterministic().transpose(), zeros_l0, zeros_l1);
  }
  std::printf(
      "100 coefficients, 10 of them not 0; means over %d data sets\n%-27s exact zeros of 90  missed of 10  "
      "bias of the true  test error\n",
      seeds, "");
  for (std::size_t k = 0; k < sums.size(); ++k) {
    std::printf("%-27s %17.1f  %12.1f  %14.1f %%  %10.3f\n", names[k], sums[k](0), sums[k](1), 100 * sums[k](2),
                sums[k](3));
  }
}
