// SPDX-License-Identifier: MIT
// The best linear model of every size on the diabetes data: which features come in, which are exchanged, and how many
// are worth having, by a criterion and by cross validation.
#include <cmath>
#include <cstdio>

#include "support.hpp"

namespace {

using Eigen::Index;
using Path = l0::RegularizationPath<double>;

/// The coefficient of a feature at one size; 0 where it is out.
double coefficient(const l0::PathPoint<double>& point, Index feature) {
  for (std::size_t i = 0; i < point.support.size(); ++i) {
    if (point.support[i] == feature) return point.coefficients(static_cast<Index>(i));
  }
  return 0;
}

void print_features(const char* title, const l0::PathPoint<double>& point, const std::vector<std::string>& names) {
  std::printf("%s: %td features:", title, static_cast<std::ptrdiff_t>(point.size));
  for (std::size_t i = 0; i < point.support.size(); ++i) {
    std::printf("  %s %+.1f", names[static_cast<std::size_t>(point.support[i])].c_str(),
                point.coefficients(static_cast<Index>(i)));
  }
  std::puts("");
}

/// A block of (size, coefficient) for each feature that is ever in, and where to write its name: beside the last point,
/// pushed apart until no two names overlap, or under the end of its line where it is out again. Returns their number.
std::size_t write_coefficients(const Path& path, const std::vector<std::string>& names) {
  std::ofstream csv("regularization_path_coefficients.csv"), labels("regularization_path_labels.csv");
  const l0::PathPoint<double>& last = path.points.back();
  std::vector<std::pair<double, Index>> lines;  // at the end, feature
  for (Index j = 0; j < static_cast<Index>(names.size()); ++j) {
    const auto in = [&](const auto& point) { return coefficient(point, j) != 0; };
    if (std::any_of(path.points.begin(), path.points.end(), in)) lines.emplace_back(coefficient(last, j), j);
  }
  std::sort(lines.begin(), lines.end());
  std::vector<double> place;
  for (const auto& line : lines) {
    if (line.first != 0) place.push_back(line.first);
  }
  const double height = 0.04 * (place.back() - place.front());
  for (int round = 0; round < 200; ++round) {
    for (std::size_t k = 1; k < place.size(); ++k) {
      const double overlap = height - (place[k] - place[k - 1]);
      if (overlap > 0) place[k - 1] -= overlap / 2, place[k] += overlap / 2;
    }
  }
  std::size_t labelled = 0;
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const auto& [end, feature] = lines[k];
    auto x = static_cast<double>(last.size);
    double y = end != 0 ? place[labelled++] : 0;
    for (const auto& point : path.points) {
      const double value = coefficient(point, feature);
      csv << k << ',' << point.size << ',' << value << '\n';
      if (end == 0 && value != 0) {
        x = static_cast<double>(point.size) - 0.5;
        y = value + (value < 0 ? -height : height);
      }
    }
    csv << "\n\n";
    labels << x << ',' << y << ',' << names[static_cast<std::size_t>(feature)] << ',' << k << '\n';
  }
  return lines.size();
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  const example::Table table = example::read_table("diabetes.csv");
  const l0::LinearRegression<double> model;
  const Path path = l0::regularization_path(model, table.x, table.y, {.folds = quick ? 3 : 10, .max_size = 14});
  std::printf("diabetes: %td patients, %td features of variance 1; the best model found of every size\n%s\n",
              static_cast<std::ptrdiff_t>(table.x.rows()), static_cast<std::ptrdiff_t>(table.x.cols()),
              path.table().c_str());
  const auto& by_criterion = *std::min_element(path.points.begin(), path.points.end(),
                                               [](const auto& a, const auto& b) { return a.criterion < b.criterion; });
  print_features("EBIC chooses", by_criterion, table.names);
  print_features("cross validation chooses", path.chosen(), table.names);

  std::ofstream("regularization_path.csv") << path.csv();
  const std::size_t lines = write_coefficients(path, table.names);
  const std::string found =
      "ebic = " + std::to_string(by_criterion.size) + "; folds = " + std::to_string(path.chosen().size) +
      "; most = " + std::to_string(path.points.back().size) + "; lines = " + std::to_string(lines) + '\n';
  example::draw("regularization_path.svg", found + R"(set multiplot
unset key; set xrange [0:most]; set xtics 2; set xlabel 'features in the model'
set size 0.62,1; set origin 0,0; set rmargin 9; set title 'coefficients'
set xzeroaxis lc '#bbbbbb'; color(k) = hsv2rgb(0.6 + k * 0.381966 - floor(0.6 + k * 0.381966), 0.8, 0.7)
set arrow 1 from first folds, graph 0 to first folds, graph 1 nohead dt 2 lc '#888888'
set arrow 2 from first ebic, graph 0 to first ebic, graph 1 nohead dt 3 lc '#888888'
set label 1 'folds' at first folds, graph 1.02 center font ',11' tc '#888888'
set label 2 'EBIC' at first ebic, graph 1.02 center font ',11' tc '#888888'
plot for [k=0:lines-1] 'regularization_path_coefficients.csv' index k using 2:3 with lines lw 2 \
  lc rgb color(k), 'regularization_path_labels.csv' using 1:2:3:(color($4)) with labels left offset 0.7,0 font ',11' \
  tc rgb variable
unset arrow 1; unset arrow 2; unset label 1; unset label 2; unset xzeroaxis; set rmargin 2; set size 0.38,0.5
file = 'regularization_path.csv'; set ytics autofreq; set xlabel ' '
set origin 0.62,0.5; set title 'loss on held-out folds'; set yrange [*:4100]; set ytics 400
plot file every ::1 using 1:5 with linespoints pt 7 ps 0.5 lc '#2166ac', \
  file every ::1 using ($1 == folds ? $1 : 1/0):5 with points pt 6 ps 1.6 lw 2 lc '#b2182b'
set origin 0.62,0; set title 'criterion: EBIC'; set xlabel 'features in the model'; set yrange [*:*]; set ytics 20
plot file every ::2 using 1:4 with linespoints pt 7 ps 0.5 lc '#2166ac', \
  file every ::2 using ($1 == ebic ? $1 : 1/0):4 with points pt 6 ps 1.6 lw 2 lc '#b2182b'
unset multiplot
)");
}
