// SPDX-License-Identifier: MIT
// The best linear model of every size on the diabetes data: which features come in, which are exchanged, and how many
// are worth having, by a criterion and by cross validation.
#include <cstdio>

#include <l0/io/path.hpp>

#include "support.hpp"

namespace {

using Eigen::Index;
using Path = l0::RegularizationPath<double>;

void print_features(const char* title, const l0::PathPoint<double>& point, const Path& path) {
  std::printf("%s: %td features:", title, static_cast<std::ptrdiff_t>(point.size));
  for (std::size_t i = 0; i < point.support.size(); ++i) {
    std::printf("  %s %+.1f", path.feature_name(point.support[i]).c_str(), point.coefficients(static_cast<Index>(i)));
  }
  std::puts("");
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  const example::Table table = example::read_table("diabetes.csv");
  const l0::LinearRegression<double> model({.feature_names = table.names});
  const Path path = l0::regularization_path(model, table.x, table.y, {.folds = quick ? 3 : 10, .max_size = 14});
  std::printf("diabetes: %td patients, %td features of variance 1; the best model found of every size\n%s\n",
              static_cast<std::ptrdiff_t>(table.x.rows()), static_cast<std::ptrdiff_t>(table.x.cols()),
              path.table().c_str());
  const auto& by_criterion = *std::min_element(path.points.begin(), path.points.end(),
                                               [](const auto& a, const auto& b) { return a.criterion < b.criterion; });
  print_features("EBIC chooses", by_criterion, path);
  print_features("cross validation chooses", path.chosen(), path);

  std::ofstream("regularization_path.csv") << l0::to_csv(path);
  std::ofstream("regularization_path.svg") << l0::to_svg(path, {.title = "diabetes: the best model of every size"});
  std::puts("picture: regularization_path.svg");
}
