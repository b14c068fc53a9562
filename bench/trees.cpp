// SPDX-License-Identifier: MIT
// Boosted soft trees on diabetes (442 patients, 10 features, 110 held back) and on Friedman's first function (noise 1,
// 1000 samples to fit, 5000 to test) with 10 and with 100 features, options at their defaults.
//
//   bench_trees [--set diabetes|friedman10|friedman100] [--seed N] [--seeds N] [--samples N] [--data FILE]
//   [--write DIR] [OPTION=VALUE]
//   bench_trees --table FILE --loss squared|logistic|poisson [--parts N] [OPTION=VALUE]
//
// Prints set, seed, test RMSE, features kept, whether those are Friedman's five, trees and seconds. --write also writes
// every instance as DIR/SET_SEED.csv (first line: how many of the rows are to fit; last column: y), for
// peers/sklearn_trees.py. --samples: of Friedman's function to fit. --table: a CSV file, last column y; row i
// is held out in part i modulo the number of parts (10), and printed are the mean loss (squares, or deviance/2n), share
// of wrong labels, features, trees and seconds of all fits, for peers/tree_sets.py. OPTION: trees, depth,
// learning_rate, subsample, lambda_l2, folds, max_features, patience, refinements, soft.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include <l0/trees/soft_tree_boosting.hpp>

#include "arguments.hpp"

namespace {

using Eigen::Index;

struct Instance {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
  Index train = 0;
};

Instance friedman(Index features, Index train, std::uint64_t seed) {
  constexpr Index test = 5000;
  l0::Rng rng(seed);
  Instance result;
  result.train = train;
  result.x = l0::standard_uniform<double>(rng, train + test, features);
  result.y = l0::standard_normal<double>(rng, train + test);
  const auto& x = result.x;
  result.y.array() += 10 * (std::numbers::pi * x.col(0).array() * x.col(1).array()).sin() +
                      20 * (x.col(2).array() - 0.5).square() + 10 * x.col(3).array() + 5 * x.col(4).array();
  return result;
}

/// A random split of the rows; the first ten columns are the measurements, the others their squares and products.
Instance diabetes(const std::string& path, std::uint64_t seed) {
  const l0::Matrix<double> all = bench::read_table(path);
  const Index rows = all.rows();
  std::vector<Index> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng() % i]);
  return {all(order, Eigen::seqN(0, 10)), all(order, all.cols() - 1), rows - 110};
}

void write(const Instance& instance, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) {
    std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
    std::exit(1);
  }
  std::fprintf(file, "%td\n", instance.train);
  for (Index i = 0; i < instance.y.size(); ++i) {
    for (Index j = 0; j < instance.x.cols(); ++j) std::fprintf(file, "%.9g,", instance.x(i, j));
    std::fprintf(file, "%.9g\n", instance.y(i));
  }
  std::fclose(file);
}

void set_option(l0::SoftTreeBoostingOptions& options, const std::string& name, double value) {
  if (name == "trees") options.trees = static_cast<Index>(value);
  if (name == "depth") options.depth = static_cast<Index>(value);
  if (name == "learning_rate") options.learning_rate = value;
  if (name == "subsample") options.subsample = value;
  if (name == "lambda_l2") options.lambda_l2 = value;
  if (name == "folds") options.folds = static_cast<Index>(value);
  if (name == "max_features") options.max_features = static_cast<Index>(value);
  if (name == "patience") options.patience = static_cast<Index>(value);
  if (name == "refinements") options.refinements = static_cast<Index>(value);
  if (name == "soft") options.soft = value != 0;
}

/// Fits to all parts of a table but one, in turn.
void cross_validate(const std::string& path, l0::SoftTreeBoostingOptions options, Index parts) {
  const l0::Matrix<double> all = bench::read_table(path);
  const Index columns = all.cols() - 1;
  if (options.max_features) options.max_features = std::min(*options.max_features, columns);
  double loss = 0, wrong = 0, features = 0, trees = 0, seconds = 0;
  for (Index part = 0; part < parts; ++part) {
    std::vector<Index> rows, held;
    for (Index i = 0; i < all.rows(); ++i) (i % parts == part ? held : rows).push_back(i);
    const l0::Matrix<float> x = all(rows, Eigen::seqN(0, columns)).cast<float>();
    const l0::Vector<double> y = all(rows, columns);
    l0::SoftTreeBoosting<float> model(options);
    model.fit(x, y);
    const l0::Matrix<float> new_x = all(held, Eigen::seqN(0, columns)).cast<float>();
    const l0::Vector<double> new_y = all(held, columns);
    loss += model.loss(new_x, new_y) * static_cast<double>(held.size());
    wrong += static_cast<double>((model.predict(new_x).cast<double>().array() != new_y.array()).count());
    features += static_cast<double>(model.report().features);
    trees += static_cast<double>(model.report().trees);
    seconds += model.report().seconds;
  }
  const auto n = static_cast<double>(all.rows());
  const auto k = static_cast<double>(parts);
  std::printf("loss,wrong,features,trees,seconds\n%.6g,%.4f,%.1f,%.0f,%.3f\n", loss / n, wrong / n, features / k,
              trees / k, seconds);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only;
  std::string data = "examples/data/diabetes.csv";
  std::string folder;
  std::string table;
  Index samples = 1000;
  Index parts = 10;
  std::uint64_t first = 0;
  std::uint64_t seeds = 10;
  l0::SoftTreeBoostingOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto equal = argument.find('=');
    if (equal != std::string::npos) {
      set_option(options, argument.substr(0, equal), bench::number<double>(argument.substr(equal + 1)));
      continue;
    }
    if (i + 1 == argc) break;
    const std::string value = argv[++i];
    if (argument == "--set") only = value;
    if (argument == "--data") data = value;
    if (argument == "--write") folder = value;
    if (argument == "--table") table = value;
    if (argument == "--samples") samples = bench::number<Index>(value);
    if (argument == "--parts") parts = bench::number<Index>(value);
    if (argument == "--loss" && value == "logistic") options.loss = l0::TreeLoss::logistic;
    if (argument == "--loss" && value == "poisson") options.loss = l0::TreeLoss::poisson;
    if (argument == "--seeds") seeds = bench::number<std::uint64_t>(value);
    if (argument == "--seed") {
      first = bench::number<std::uint64_t>(value);
      seeds = 1;
    }
  }
  if (!table.empty()) {
    cross_validate(table, options, parts);
    return 0;
  }
  std::printf("set,seed,rmse,features,exact,trees,seconds\n");
  for (const std::string set : {"diabetes", "friedman10", "friedman100"}) {
    if (!only.empty() && set != only) continue;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      const Instance instance =
          set == "diabetes" ? diabetes(data, seed) : friedman(set == "friedman10" ? 10 : 100, samples, seed);
      if (!folder.empty()) write(instance, folder + "/" + set + "_" + std::to_string(seed) + ".csv");
      const Index tests = instance.y.size() - instance.train;
      l0::SoftTreeBoosting<double> model(options);
      model.fit(instance.x.topRows(instance.train), instance.y.head(instance.train));
      const double error = std::sqrt(model.loss(instance.x.bottomRows(tests), instance.y.tail(tests)));
      const bool exact = model.selected_features() == std::vector<Index>{0, 1, 2, 3, 4};
      std::printf("%s,%d,%.4f,%d,%d,%d,%.4f\n", set.c_str(), static_cast<int>(seed), error,
                  static_cast<int>(model.report().features), exact ? 1 : 0, static_cast<int>(model.report().trees),
                  model.report().seconds);
      std::fflush(stdout);
    }
  }
}
