// SPDX-License-Identifier: MIT
// Which of 64 measurements, squares and interactions tell how diabetes progresses? A linear model with a gate on every
// coefficient, trained by hand at several prices per open gate, beside ridge regression and least squares.
#include <cstdio>

#include <Eigen/Cholesky>

#include "support.hpp"

namespace {

using Eigen::Index, Eigen::VectorXd, example::Part;

/// The training loop.
VectorXd train_l0(const Part& data, double lambda, int epochs, std::ostream& log) {
  l0::Rng rng(1);
  l0::L0Linear<double> model(data.x.cols(), 1, rng, {.bias = false});
  l0::Adam<double> optimizer(model.parameters(), {.learning_rate = 0.02});
  const l0::L0Penalty<double> penalty{.lambda = lambda};
  const l0::ExponentialAnnealing<double> temperature{.from = 1, .to = 0.1, .steps = epochs * 3 / 4};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(model.forward(data.x, rng), data.y);  // gates sampled
    model.backward(loss.gradient);
    penalty.accumulate(model);
    optimizer.step();
    log << lambda << ',' << epoch << ',' << loss.value << ',' << model.l0_penalty() << '\n';
  }
  return model.effective_weight().transpose();  // exact zeros where the gate is closed
}

/// Ridge regression; least squares at penalty 0.
VectorXd train_ridge(const Part& data, double penalty) {
  Eigen::MatrixXd gram = data.x.transpose() * data.x;
  gram.diagonal().array() += penalty * static_cast<double>(data.y.size());
  return gram.ldlt().solve(data.x.transpose() * data.y);
}

double count(const VectorXd& w) { return static_cast<double>((w.array() != 0).count()); }

struct Fit {
  const char* method;
  double penalty;
  VectorXd w;
};

}  // namespace

int main(int argc, char** argv) {
  const auto [epochs, splits] = example::quick(argc, argv) ? std::pair{100, 2U} : std::pair{2000, 20U};
  const example::Table table = example::read_table("diabetes.csv");
  // Columns and target have variance 1 in the training part: a λ of 0.01 asks a feature to explain 1 % of it.
  std::ofstream log("linear_regression.csv"), path("linear_regression_path.csv"), nowhere;
  log << "lambda,epoch,loss,expected_l0\n";
  path << "method,penalty,features,train_error,test_error\n";
  std::puts(
      "diabetes: 442 patients, 242 to train, 100 to choose the penalty by, 100 to test; 64 features\n"
      "mean squared error; 1 = the variance of the target in the training part\n\n"
      "                penalty  features  train error  test error");
  Eigen::Array<double, 3, 2> mean = Eigen::Array<double, 3, 2>::Zero();  // L0, ridge, least squares: features, test R²
  int better = 0;
  for (unsigned seed = 0; seed < splits; ++seed) {
    const example::Data data = example::standardised_split(table, 242, 100, seed);
    const bool shown = seed == 0;  // the first split is shown in full
    std::vector<Fit> sparse, ridge;
    for (const double lambda : {0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1}) {
      sparse.push_back({"L0", lambda, train_l0(data.train, lambda, epochs, shown ? log : nowhere)});
    }
    for (const double penalty : {0.01, 0.03, 0.1, 0.3, 1.0, 3.0}) {
      ridge.push_back({"ridge", penalty, train_ridge(data.train, penalty)});
    }
    const auto best = [&](const std::vector<Fit>& fits) {  // by the validation part: the test part only judges
      const auto error = [&](const Fit& fit) { return data.validation.error(fit.w); };
      return *std::min_element(fits.begin(), fits.end(), [&](auto& a, auto& b) { return error(a) < error(b); });
    };
    const std::vector<Fit> chosen{best(sparse), best(ridge), {"least squares", 0, train_ridge(data.train, 0)}};
    for (Index m = 0; m < 3; ++m) {
      const VectorXd& w = chosen[static_cast<std::size_t>(m)].w;
      const double variance = (data.test.y.array() - data.test.y.mean()).square().mean();
      mean.row(m) += Eigen::Array2d(count(w), 1 - data.test.error(w) / variance).transpose() / splits;
    }
    better += data.test.error(chosen[0].w) < data.test.error(chosen[1].w);
    if (!shown) continue;
    sparse.insert(sparse.end(), chosen.begin(), chosen.end());
    for (std::size_t k = 0; k < sparse.size(); ++k) {
      const auto& [method, penalty, w] = sparse[k];
      const char* note = k + 3 >= sparse.size() && penalty > 0 ? "  <- chosen" : "";
      std::printf("%-14s %8g %9g %12.3f %11.3f%s\n", method, penalty, count(w), data.train.error(w), data.test.error(w),
                  note);
      path << method << ',' << penalty << ',' << count(w) << ',' << data.train.error(w) << ',' << data.test.error(w)
           << '\n';
    }
    std::printf("\nL0 keeps:");
    for (Index j = 0; j < 64; ++j) {
      const double w = chosen[0].w(j);
      if (w != 0) std::printf("  %s %+.2f", table.names[static_cast<std::size_t>(j)].c_str(), w);
    }
  }
  std::printf("\n\nmean of %u splits: L0 %.1f features, test R2 %.3f; ridge 64, %.3f; least squares 64, %.3f\n", splits,
              mean(0, 0), mean(0, 1), mean(1, 1), mean(2, 1));
  std::printf("L0 has a smaller test error than ridge in %d of them\n\n", better);
  log.close();
  path.close();
  example::draw("linear_regression.svg", R"(set multiplot layout 1,2
set title 'One training, lambda 0.01'; set xlabel 'epoch'; set xtics 500; set border 11
set yrange [0:64]; set ytics 16; set y2range [0:1]; set y2tics 0.25; file = 'linear_regression.csv'
plot file every ::1 using ($1==0.01 ? $2 : 1/0):3 axes x1y2 with lines lc '#f4a582' title 'loss, right axis', \
  '' every ::1 using ($1==0.01 ? $2 : 1/0):4 with lines lw 3 lc '#2166ac' title 'expected open gates'
set title 'Error by number of features'; set xlabel 'features'; set xtics 16; unset y2tics; set border 3
set xrange [0:66]; set yrange [0:1]; set ytics 0.25; set key bottom right; file = 'linear_regression_path.csv'
is(method, value) = strcol(1) eq method ? value : 1/0
plot file every ::1 using (is('L0',$3)):4 with points pt 7 lc '#bbbbbb' title 'L0, training part', \
  '' every ::1 using (is('L0',$3)):5 with points pt 7 lc '#2166ac' title 'L0, test part', \
  '' every ::1 using (is('ridge',$3)):5 with points pt 9 ps 1.4 lc '#4dac26' title 'ridge, test part', \
  '' every ::1 using (is('least squares',$3)):5 with points pt 5 lc '#b2182b' title 'least squares, test part'
unset multiplot
)");
}
