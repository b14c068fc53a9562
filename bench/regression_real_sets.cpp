// SPDX-License-Identifier: MIT
// Estimators on real data: error on held-out folds, features kept and time, for the ways a user may have the size
// chosen.
//
//   bench_regression_real_sets [--data DIR] [--folds FILE] [--csv FILE] [--seed N] [--only SET] [METHOD ...]
//   bench_regression_real_sets --set FILE.csv [--set FILE.csv ...] [METHOD ...]
//
// The second form takes tables of your own: the last column is the target, two labels 0 and 1, labels 0, 1, ... of up
// to ten classes, or numbers. Beside FILE.csv may lie FILE.fold, a fold 0, ..., 9 per line.
//
// METHOD: default, prediction, ebic, bic, gic or foldsN (cross validation inside the nine folds), and +l2=VALUE behind
// it, or +ridge, where the inner folds choose the ridge among 1e-6, 1e-5 and 1e-4. diabetes: squared error of a linear
// model of 64 features. digit0, ..., digit9: logistic models of 64 pixels, a digit against the others; digits: one
// multinomial model of all ten. Ten outer folds, drawn from a seed and written to FILE (set,row,fold), so that other
// programs can use the same; every fit sees the other nine alone.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>

#include "arguments.hpp"

namespace {

using Eigen::Index;

constexpr Index outer_folds = 10;

enum class Kind { squared, binary, classes };

struct Set {
  std::string name;
  Kind kind = Kind::squared;
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
  std::vector<Index> fold;
};

/// A CSV file whose last column is the target.
Set read(const std::string& path, const std::string& name) {
  const l0::Matrix<double> all = bench::read_table(path);
  Set set;
  set.name = name;
  set.x = all.leftCols(all.cols() - 1);
  set.y = all.rightCols(1);
  return set;
}

std::vector<Index> draw_folds(Index rows, std::uint64_t seed) {
  std::vector<Index> fold(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < fold.size(); ++i) fold[i] = static_cast<Index>(i) % outer_folds;
  l0::Rng rng(seed);
  for (std::size_t i = fold.size(); i > 1; --i) std::swap(fold[i - 1], fold[rng() % i]);
  return fold;
}

/// A table of the user's; folds from the file beside it, or drawn.
Set read_own(const std::string& path, std::uint64_t seed) {
  const std::string stem = path.substr(0, path.rfind('.'));
  Set set = read(path, stem.substr(stem.rfind('/') + 1));
  const double highest = set.y.maxCoeff();
  const bool labels = highest <= 9 && set.y.minCoeff() >= 0 && set.y == set.y.array().floor().matrix();
  if (labels) set.kind = highest > 1 ? Kind::classes : Kind::binary;
  set.fold = draw_folds(set.x.rows(), seed);
  if (std::ifstream file(stem + ".fold"); file) {
    for (Index& fold : set.fold) {
      if (file >> fold && fold >= 0 && fold < outer_folds) continue;
      std::fprintf(stderr, "%s.fold: a fold 0, ..., 9 is wanted for each of %td samples\n", stem.c_str(), set.x.rows());
      std::exit(1);
    }
  }
  return set;
}

/// Those of the examples; their folds are written to a file where one is named.
std::vector<Set> read_examples(const std::string& data, std::uint64_t seed, const std::string& folds_file) {
  std::vector<Set> sets{read(data + "/diabetes.csv", "diabetes")};
  sets[0].fold = draw_folds(sets[0].x.rows(), seed);
  Set digits = read(data + "/digits.csv", "digits");
  digits.x /= 16;
  digits.fold = draw_folds(digits.x.rows(), seed + 1);
  for (int digit = 0; digit < 10; ++digit) {
    sets.push_back(digits);
    sets.back().name = "digit" + std::to_string(digit);
    sets.back().kind = Kind::binary;
    sets.back().y = (digits.y.array() == digit).cast<double>();
  }
  sets.push_back(digits);
  sets.back().kind = Kind::classes;
  if (!folds_file.empty()) {
    std::ofstream out(folds_file);
    out << "set,row,fold\n";
    for (const Set* set : {&sets[0], &digits}) {
      for (std::size_t i = 0; i < set->fold.size(); ++i) out << set->name << ',' << i << ',' << set->fold[i] << '\n';
    }
  }
  return sets;
}

struct Part {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
};

/// The rows of one fold, or all others.
Part part_of(const Set& set, Index fold, bool held) {
  std::vector<Index> rows;
  for (Index i = 0; i < set.x.rows(); ++i) {
    if ((set.fold[static_cast<std::size_t>(i)] == fold) == held) rows.push_back(i);
  }
  const auto count = static_cast<Index>(rows.size());
  Part part{Eigen::MatrixXd(count, set.x.cols()), Eigen::VectorXd(count)};
  for (Index i = 0; i < count; ++i) {
    part.x.row(i) = set.x.row(rows[static_cast<std::size_t>(i)]);
    part.y(i) = set.y(rows[static_cast<std::size_t>(i)]);
  }
  return part;
}

struct Method {
  std::string name;
  l0::RegressionOptions options;
};

/// From the name: a criterion or foldsN, then +l2=VALUE or +ridge where wanted. False for other words.
bool make_method(const std::string& word, Method& method) {
  const auto plus = word.find('+');
  const std::string choice = word.substr(0, plus);
  method.name = "l0 " + word;
  if (choice == "gic") {
    method.options.criterion = l0::Criterion::gic;
  } else if (choice == "bic") {
    method.options.criterion = l0::Criterion::bic;
  } else if (choice == "prediction") {
    method.options.aim = l0::Aim::prediction;
  } else if (choice.compare(0, 5, "folds") == 0) {
    method.options.folds = bench::number<Index>(choice.substr(5));
  } else if (choice != "ebic" && choice != "default") {
    return false;
  }
  if (plus == std::string::npos) return true;
  const std::string ridge = word.substr(plus);
  if (ridge == "+ridge") {
    method.options.l2_candidates = {1e-6, 1e-5, 1e-4};
  } else if (ridge.compare(0, 4, "+l2=") == 0) {
    method.options.lambda_l2 = bench::number<double>(ridge.substr(4));
  } else {
    return false;
  }
  return true;
}

/// Of one fold: mean squared error or mean deviance, share of wrong labels, features, seconds.
struct Result {
  double error = 0, wrong = 0, size = 0, seconds = 0;
};

template <class Model>
Result evaluate(const Part& train, const Part& test, const l0::RegressionOptions& options) {
  Result result;
  const auto begin = std::chrono::steady_clock::now();
  Model model(options);
  model.fit(train.x, train.y);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.size = static_cast<double>(model.selected_features().size());
  if constexpr (requires { model.predict_probability(test.x); }) {
    result.error = 2 * model.loss(test.x, test.y);
    result.wrong = (model.predict(test.x).array() != test.y.array()).template cast<double>().mean();
  } else {
    result.error = model.loss(test.x, test.y);
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::string data = "examples/data", folds_file, csv_file;
  std::string only;
  std::uint64_t seed = 1;  // of the outer folds
  std::vector<Method> methods;
  std::vector<std::string> own;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i + 1 < argc && word == "--seed") {
      seed = static_cast<std::uint64_t>(std::atoll(argv[++i]));
    } else if (i + 1 < argc && word == "--only") {
      only = argv[++i];
    } else if (i + 1 < argc && word == "--set") {
      own.emplace_back(argv[++i]);
    } else if (i + 1 < argc && (word == "--data" || word == "--folds" || word == "--csv")) {
      (word == "--data" ? data : word == "--folds" ? folds_file : csv_file) = argv[++i];
    } else if (Method method; make_method(word, method)) {
      methods.push_back(method);
    } else {
      std::fprintf(stderr,
                   "usage: bench_regression_real_sets [--data DIR] [--folds FILE] [--csv FILE] [--seed N] [--only SET] "
                   "[--set FILE.csv ...] [default|prediction|ebic|bic|gic|foldsN][+l2=VALUE|+ridge] ...\n");
      return 2;
    }
  }
  if (methods.empty()) {
    for (const char* word : {"default", "prediction", "gic", "folds10+ridge"}) {
      make_method(word, methods.emplace_back());
    }
  }
  std::vector<Set> sets;
  for (const std::string& path : own) sets.push_back(read_own(path, seed));
  if (own.empty()) sets = read_examples(data, seed, folds_file);
  std::ofstream csv;
  if (!csv_file.empty()) csv.open(csv_file);
  csv << "set,method,fold,error,misclassified,size,seconds\n";
  std::printf("%-10s %-24s %10s %14s %6s %9s\n", "set", "method", "error", "misclassified", "size", "seconds");
  for (const Set& set : sets) {
    if (!only.empty() && set.name != only) continue;
    for (const Method& method : methods) {
      Result mean;
      for (Index fold = 0; fold < outer_folds; ++fold) {
        const Part train = part_of(set, fold, false);
        const Part test = part_of(set, fold, true);
        const Result result =
            set.kind == Kind::squared  ? evaluate<l0::LinearRegression<double>>(train, test, method.options)
            : set.kind == Kind::binary ? evaluate<l0::LogisticRegression<double>>(train, test, method.options)
                                       : evaluate<l0::MultinomialRegression<double>>(train, test, method.options);
        csv << set.name << ',' << method.name << ',' << fold << ',' << result.error << ',' << result.wrong << ','
            << result.size << ',' << result.seconds << std::endl;
        mean.error += result.error / outer_folds;
        mean.wrong += result.wrong / outer_folds;
        mean.size += result.size / outer_folds;
        mean.seconds += result.seconds / outer_folds;
      }
      std::printf("%-10s %-24s %10.4f %14.4f %6.1f %9.4f\n", set.name.c_str(), method.name.c_str(), mean.error,
                  mean.wrong, mean.size, mean.seconds);
      std::fflush(stdout);
    }
  }
}
