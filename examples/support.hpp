// SPDX-License-Identifier: MIT
// What the examples share and what is not their subject: reading a table, splitting it, drawing with gnuplot.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <l0/io/csv.hpp>
#include <l0/l0.hpp>

namespace example {

using Eigen::Index;

/// A CSV file: features, and the last column as target.
struct Table {
  std::vector<std::string> names;
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
};

inline Table read_table(const std::string& name) {
  const auto csv = l0::CsvTable::read(std::string(L0_EXAMPLE_DATA_DIR "/") + name);
  Table table{.names = csv.names(), .x = {}, .y = {}};
  Eigen::MatrixXd all(csv.rows(), static_cast<Index>(table.names.size()));
  for (Index j = 0; j < all.cols(); ++j) {
    const std::vector<double> column = csv.numbers(table.names[static_cast<std::size_t>(j)]);
    all.col(j) = Eigen::VectorXd::Map(column.data(), csv.rows());
  }
  table.x = all.leftCols(all.cols() - 1);
  table.y = all.rightCols(1);
  table.names.pop_back();
  return table;
}

/// Some rows of a matrix.
template <class M>
M rows_of(const M& x, const std::vector<Index>& rows) {
  return x(rows, Eigen::seqN(0, x.cols()));
}

/// A random split of the rows, the same for the same seed.
struct Split {
  std::vector<Index> train, test;
};

inline Split split_rows(Index rows, double test_share, unsigned seed) {
  std::vector<Index> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(seed);
  std::shuffle(order.begin(), order.end(), rng);
  const auto tests = static_cast<std::ptrdiff_t>(test_share * static_cast<double>(rows));
  return {{order.begin() + tests, order.end()}, {order.begin(), order.begin() + tests}};
}

/// Some rows of a table.
struct Part {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;

  /// The mean squared error of a linear model.
  double error(const Eigen::VectorXd& w) const { return (x * w - y).squaredNorm() / static_cast<double>(y.size()); }
};

struct Data {
  Part train, validation, test;
};

/// The rows in random order, cut in three; every column, the target too, standardised by mean and deviation of the
/// training part, so that a linear model needs no intercept, coefficients compare and an error of 1 is that of the
/// mean.
inline Data standardised_split(const Table& table, Index train, Index validation, unsigned seed) {
  const std::vector<Index> order = split_rows(table.x.rows(), 0, seed).train;
  const Index features = table.x.cols();
  Eigen::MatrixXd rows(table.x.rows(), features + 1);
  rows << rows_of(table.x, order), table.y(order);
  const Eigen::RowVectorXd mean = rows.topRows(train).colwise().mean();
  rows.rowwise() -= mean;
  const Eigen::RowVectorXd deviation = rows.topRows(train).array().square().colwise().mean().sqrt();
  rows.array().rowwise() /= deviation.array();
  const auto part = [&](Index first, Index end) {
    return Part{rows.block(first, 0, end - first, features), rows.col(features).segment(first, end - first)};
  };
  return {part(0, train), part(train, train + validation), part(train + validation, rows.rows())};
}

/// The number that a word is.
template <class Number>
Number number(const std::string& word) {
  Number value{};
  if (!l0::parse_number(word, value)) throw std::runtime_error("'" + word + "' is no number that is wanted here");
  return value;
}

inline bool quick(int argc, char** argv) { return std::find(argv, argv + argc, std::string("--quick")) != argv + argc; }

/// Runs a gnuplot script where gnuplot is installed; says what was written.
inline void draw(const std::string& picture, const std::string& script) {
#ifdef _WIN32
  const bool found = false;
#else
  const bool found = std::system("command -v gnuplot >/dev/null 2>&1") == 0;
#endif
  if (!found) {
    std::cout << "(gnuplot is not installed: no picture)\n";
    return;
  }
  const std::string file = picture + ".gnuplot";
  std::ofstream(file) << "set terminal svg size 800,480 font 'Helvetica,14' background 'white'\nset output '" << picture
                      << "'\nset datafile separator ','\nset border 3\nset tics nomirror\n"
                      << script;
  if (std::system(("gnuplot '" + file + "'").c_str()) == 0) std::cout << "picture: " << picture << '\n';
  std::remove(file.c_str());
}

}  // namespace example
