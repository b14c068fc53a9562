// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Matrix Market exchange format. A door of its own: `l0.hpp` does not include it.
///
/// Source: Boisvert, Pozo & Remington, "The Matrix Market exchange formats: initial design", NISTIR 5935, 1996.

#include <cctype>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/types.hpp>
#include <l0/io/text_file.hpp>

namespace l0 {

namespace detail {

/// Reads one Matrix Market text.
template <class Scalar>
class MatrixMarketReader {
 public:
  MatrixMarketReader(std::string_view text, const std::string& name) : lines_(text, name) {}

  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> read() {
    read_banner();
    read_sizes();
    std::vector<Eigen::Triplet<Scalar>> entries;
    entries.reserve(static_cast<std::size_t>(symmetry_ == Symmetry::general ? stored_ : 2 * stored_));
    Index row = 0;
    Index column = 0;
    for (Index k = 0; k < stored_; ++k) {
      std::string_view line;
      if (!next_content(line)) lines_.refuse("end of file", to_text(stored_) + " entries, " + to_text(k) + " found");
      const std::string_view whole = line;
      if (coordinate_) {
        row = index(line, rows_, whole);
        column = index(line, columns_, whole);
      } else {
        next_place(k, row, column);
      }
      const double value = pattern_ ? 1.0 : number(line, whole);
      if (!next_word(line).empty()) lines_.refuse(whole, "nothing after the value");
      add(entries, row, column, value, whole);
    }
    std::string_view line;
    if (next_content(line)) lines_.refuse(line, "the end of the file after " + to_text(stored_) + " entries");
    Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> matrix(rows_, columns_);
    matrix.setFromTriplets(entries.begin(), entries.end());
    return matrix;
  }

 private:
  enum class Symmetry { general, symmetric, skew };

  void read_banner() {
    std::string_view line;
    if (!lines_.next(line)) lines_.refuse("end of file", "a line that begins with %%MatrixMarket");
    std::string lower(line);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string_view words = lower;
    if (next_word(words) != "%%matrixmarket" || next_word(words) != "matrix") {
      lines_.refuse(line, "%%MatrixMarket matrix ...");
    }
    const std::string_view format = next_word(words);
    const std::string_view field = next_word(words);
    const std::string_view symmetry = next_word(words);
    coordinate_ = format == "coordinate";
    pattern_ = field == "pattern";
    if (!coordinate_ && format != "array") lines_.refuse(line, "coordinate or array");
    if (field != "real" && field != "double" && field != "integer" && !pattern_) {
      lines_.refuse(line, "a field real, integer or pattern");
    }
    if (pattern_ && !coordinate_) lines_.refuse(line, "a pattern in coordinate format");
    if (symmetry == "symmetric") {
      symmetry_ = Symmetry::symmetric;
    } else if (symmetry == "skew-symmetric") {
      symmetry_ = Symmetry::skew;
    } else if (symmetry != "general") {
      lines_.refuse(line, "general, symmetric or skew-symmetric");
    }
    if (!next_word(words).empty()) lines_.refuse(line, "five words");
  }

  void read_sizes() {
    std::string_view line;
    if (!next_content(line)) lines_.refuse("end of file", "a line with the sizes");
    const std::string_view whole = line;
    rows_ = size(line, whole);
    columns_ = size(line, whole);
    if (symmetry_ != Symmetry::general && rows_ != columns_) lines_.refuse(whole, "as many rows as columns");
    if (coordinate_) {
      stored_ = size(line, whole);
    } else {
      stored_ = symmetry_ == Symmetry::general     ? rows_ * columns_
                : symmetry_ == Symmetry::symmetric ? rows_ * (rows_ + 1) / 2
                                                   : rows_ * (rows_ - 1) / 2;
    }
    if (!next_word(line).empty()) lines_.refuse(whole, coordinate_ ? "rows, columns and entries" : "rows and columns");
    // An entry takes two characters at least: a count that lies must not cost memory.
    if (stored_ > static_cast<Index>(lines_.left())) lines_.refuse(whole, "no more entries than the file can hold");
  }

  Index size(std::string_view& line, std::string_view whole) {
    Index value = 0;
    if (!parse_number(next_word(line), value) || value < 0 || value > std::numeric_limits<int>::max()) {
      lines_.refuse(whole, "sizes from 0 to 2147483647");
    }
    return value;
  }
  Index index(std::string_view& line, Index limit, std::string_view whole) {
    Index value = 0;
    if (!parse_number(next_word(line), value) || value < 1 || value > limit) {
      lines_.refuse(whole, "row and column numbers from 1 to " + shape_text(rows_, columns_));
    }
    return value - 1;
  }
  double number(std::string_view& line, std::string_view whole) {
    double value = 0;
    if (!parse_number(next_word(line), value) || !std::isfinite(value) ||
        std::abs(value) > static_cast<double>(std::numeric_limits<Scalar>::max())) {
      lines_.refuse(whole, "a finite number");
    }
    return value;
  }

  /// The place of the k-th number of an array: down the columns, the lower triangle where the matrix is symmetric.
  void next_place(Index k, Index& row, Index& column) const {
    const Index first = symmetry_ == Symmetry::skew ? 1 : 0;
    if (k == 0) {
      row = first;
      column = 0;
    } else if (++row == rows_) {
      ++column;
      row = symmetry_ == Symmetry::general ? 0 : column + first;
    }
  }

  void add(std::vector<Eigen::Triplet<Scalar>>& entries, Index row, Index column, double value,
           std::string_view whole) {
    if (value == 0) return;
    if (symmetry_ == Symmetry::skew && row == column) lines_.refuse(whole, "no diagonal in a skew-symmetric matrix");
    if (symmetry_ != Symmetry::general && row < column)
      lines_.refuse(whole, "the lower triangle of a symmetric matrix");
    const auto scalar = static_cast<Scalar>(value);
    entries.emplace_back(static_cast<int>(row), static_cast<int>(column), scalar);
    if (symmetry_ != Symmetry::general && row != column) {
      entries.emplace_back(static_cast<int>(column), static_cast<int>(row),
                           symmetry_ == Symmetry::skew ? -scalar : scalar);
    }
  }

  /// The next line that is neither empty nor a comment.
  bool next_content(std::string_view& line) {
    while (lines_.next(line)) {
      std::string_view rest = line;
      const std::string_view word = next_word(rest);
      if (!word.empty() && !word.starts_with('%')) return true;
    }
    return false;
  }

  LineReader lines_;
  bool coordinate_ = true;
  bool pattern_ = false;
  Symmetry symmetry_ = Symmetry::general;
  Index rows_ = 0;
  Index columns_ = 0;
  Index stored_ = 0;
};

}  // namespace detail

/// A matrix in Matrix Market format: coordinate or array; real, integer or pattern; general, symmetric or
/// skew-symmetric. Entries given twice are summed. Throws `Error` with the line for anything else, for indices out of
/// range, values that are not finite, and more or fewer entries than announced.
template <class Scalar = double>
Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> parse_matrix_market(std::string_view text,
                                                                      const std::string& name = "the text") {
  return detail::MatrixMarketReader<Scalar>(text, name).read();
}

/// The same from a file.
template <class Scalar = double>
Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> read_matrix_market(const std::string& path) {
  return parse_matrix_market<Scalar>(detail::read_text_file(path), path);
}

/// Writes a sparse matrix in coordinate format, with all digits. Throws `Error` if the file cannot be written.
template <class Derived>
void write_matrix_market(const std::string& path, const Eigen::SparseMatrixBase<Derived>& matrix) {
  const Eigen::SparseMatrix<typename Derived::Scalar, Eigen::ColMajor, int> m = matrix;
  std::ofstream file(path, std::ios::binary);
  file << "%%MatrixMarket matrix coordinate real general\n"
       << m.rows() << ' ' << m.cols() << ' ' << m.nonZeros() << '\n';
  for (Index j = 0; j < m.outerSize(); ++j) {
    for (typename Eigen::SparseMatrix<typename Derived::Scalar, Eigen::ColMajor, int>::InnerIterator entry(m, j); entry;
         ++entry) {
      file << entry.row() + 1 << ' ' << entry.col() + 1 << ' ' << detail::to_text(entry.value()) << '\n';
    }
  }
  if (!file.flush()) detail::fail("path", path, "a file that can be written");
}

}  // namespace l0
