// SPDX-License-Identifier: MIT
// The words behind a benchmark's name, and the tables that it reads.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/io/csv.hpp>

namespace bench {

/// The number that a word is; ends the program where it is none.
template <class Number>
Number number(const std::string& word) {
  Number value{};
  if (!l0::parse_number(word, value)) {
    std::fprintf(stderr, "'%s' is no number that is wanted here\n", word.c_str());
    std::exit(1);
  }
  return value;
}

/// All columns of a CSV file of numbers, a sample per row; ends the program where it cannot be read.
inline l0::Matrix<double> read_table(const std::string& path) try {
  const auto csv = l0::CsvTable::read(path);
  l0::Matrix<double> table(csv.rows(), static_cast<l0::Index>(csv.names().size()));
  for (l0::Index j = 0; j < table.cols(); ++j) {
    const std::vector<double> column = csv.numbers(csv.names()[static_cast<std::size_t>(j)]);
    table.col(j) = l0::Vector<double>::Map(column.data(), csv.rows());
  }
  return table;
} catch (const l0::Error& error) {
  std::fprintf(stderr, "%s; --data says where the data of the examples are\n", error.what());
  std::exit(1);
}

}  // namespace bench
