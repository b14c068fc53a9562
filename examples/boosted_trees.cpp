// SPDX-License-Identifier: MIT
// Trees that name the features they need: Friedman's first function, five features of a hundred, with soft and with
// hard splits; then one tree as a layer, whose gates find the two features of an interaction.
#include <cstdio>

#include "support.hpp"

namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

example::Part friedman(Index samples, Index features, unsigned seed) {
  l0::Rng rng(seed);
  example::Part part{MatrixXd(samples, features), VectorXd(samples)};
  const auto uniform = [&] { return static_cast<double>(rng() >> 11) * 0x1p-53; };
  for (Index k = 0; k < part.x.size(); ++k) part.x(k) = uniform();
  for (Index i = 0; i < samples; ++i) {
    double noise = -6;
    for (int k = 0; k < 12; ++k) noise += uniform();  // nearly normal, variance 1
    const auto x = part.x.row(i);
    part.y(i) =
        10 * std::sin(3.14159265358979 * x(0) * x(1)) + 20 * (x(2) - 0.5) * (x(2) - 0.5) + 10 * x(3) + 5 * x(4) + noise;
  }
  return part;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  const Index samples = quick ? 300 : 1000;
  const Index features = quick ? 12 : 100;
  const example::Part train = friedman(samples, features, 1);
  const example::Part test = friedman(4000, features, 2);
  std::printf("Friedman's first function: %td samples, %td features, five of them tell; noise 1\n\n",
              static_cast<std::ptrdiff_t>(samples), static_cast<std::ptrdiff_t>(features));

  std::ofstream staged("boosted_trees.csv");
  staged << "kind,trees,rmse\n";
  for (const bool soft : {true, false}) {
    l0::SoftTreeBoosting<double> boosted({.trees = 100, .depth = 4, .soft = soft});
    boosted.fit(train.x, train.y);
    const std::vector<double> losses = boosted.staged_loss(test.x, test.y);
    for (std::size_t k = 0; k < losses.size(); ++k) {
      staged << (soft ? "soft" : "hard") << ',' << k << ',' << std::sqrt(losses[k]) << '\n';
    }
    std::printf("%s splits: root mean squared error %.3f on unseen samples, %.2f s\n%s\n", soft ? "soft" : "hard",
                std::sqrt(losses.back()), boosted.report().seconds, boosted.summary().c_str());
    if (!soft) continue;
    std::ofstream path("boosted_trees_path.csv");
    path << "features,rmse\n";
    for (const auto& step : boosted.report().path) {
      path << step.features.size() << ',' << std::sqrt(step.out_of_fold_loss) << '\n';
    }
    l0::SoftTreeBoosting<double> pruned({.trees = 100, .depth = 4, .max_trees = 25});
    pruned.fit(train.x, train.y);
    std::printf("pruned to %td of %td trees: %.3f\n\n", static_cast<std::ptrdiff_t>(pruned.report().trees),
                static_cast<std::ptrdiff_t>(pruned.report().grown), std::sqrt(pruned.loss(test.x, test.y)));
  }

  // y = sign((x0 − ½)(x1 − ½)): neither feature alone tells anything.
  const MatrixXd x = train.x.leftCols(12).array() - 0.5;
  const VectorXd y = (x.col(0).array() * x.col(1).array()).sign();
  l0::Rng rng(3);
  l0::SoftTree<double> tree(12, 1, rng, {.trees = 4, .depth = 3, .init_sparsity = 0.3});
  l0::Trainer trainer(tree, {.epochs = quick ? 20 : 200, .batch_size = 50, .seed = 1, .learning_rate = 0.02});
  trainer.fit(x, y, l0::L0Penalty<double>{.lambda = 0.02});
  std::printf("a layer of four soft trees on an interaction of two features among 12 keeps:");
  for (const Index j : tree.selected_features()) std::printf(" x%td", static_cast<std::ptrdiff_t>(j));
  std::printf("\n\n");

  staged.close();
  example::draw("boosted_trees.svg", R"(set multiplot layout 1,2
set title 'Error on unseen samples'; set xlabel 'trees'; set ylabel 'root mean squared error'; set yrange [1:5]
is(kind, value) = strcol(1) eq kind ? value : 1/0; file = 'boosted_trees.csv'
plot file every ::1 using (is('soft',$2)):3 with lines lw 3 lc '#2166ac' title 'soft splits', \
  '' every ::1 using (is('hard',$2)):3 with lines lw 3 lc '#b2182b' title 'hard splits', \
  1 with lines dt 2 lc '#999999' title 'noise'
set title 'Out of fold, gates closing'; set xlabel 'features left'; set yrange [1:2.5]; unset ylabel; set logscale x
plot 'boosted_trees_path.csv' every ::1 using 1:2 with linespoints pt 7 lc '#2166ac' notitle
unset multiplot
)");
}
