// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Matrix Market exchange format. A door of its own: `l0.hpp` does not include it.
///
/// Source: Boisvert, Pozo & Remington, "The Matrix Market exchange formats: initial design", NISTIR 5935, 1996.

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/types.hpp>
#include <l0/io/text.hpp>

namespace l0 {

namespace detail {

/// Entries as a matrix of columns, in time and memory that do not depend on the number of rows. Zeros are kept, entries
/// of one place summed in their order.
template <class Scalar>
Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> matrix_of_entries(
    int rows, int columns, const std::vector<Eigen::Triplet<Scalar>>& entries) {
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> matrix(rows, columns);
  int* start = matrix.outerIndexPtr();
  for (const auto& entry : entries) ++start[entry.col()];
  int behind = 0;
  for (int j = 0; j < columns; ++j) start[j] = behind += start[j];
  start[columns] = behind;
  matrix.resizeNonZeros(behind);
  int* place = matrix.innerIndexPtr();
  Scalar* value = matrix.valuePtr();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const int k = --start[entry->col()];
    place[k] = entry->row();
    value[k] = entry->value();
  }
  std::vector<std::pair<int, int>> order;  // row, number within the column
  std::vector<Scalar> values;
  int kept = 0;
  for (int j = 0, k = 0; j < columns; ++j) {
    const int first = k;
    const int end = start[j + 1];
    order.clear();
    values.assign(value + first, value + end);
    for (; k < end; ++k) order.emplace_back(place[k], k - first);
    if (!std::is_sorted(order.begin(), order.end())) std::sort(order.begin(), order.end());
    start[j] = kept;
    for (const auto& [row, number] : order) {
      const Scalar added = values[static_cast<std::size_t>(number)];
      if (kept > start[j] && place[kept - 1] == row) {
        value[kept - 1] += added;
      } else {
        place[kept] = row;
        value[kept++] = added;
      }
    }
  }
  start[columns] = kept;
  matrix.resizeNonZeros(kept);
  return matrix;
}

/// Reads one Matrix Market text.
template <std::floating_point Scalar>
class MatrixMarketReader {
 public:
  explicit MatrixMarketReader(LineReader& lines) : lines_(lines), size_(lines.left()) {}

  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> read() {
    read_banner();
    read_sizes();
    std::vector<Eigen::Triplet<Scalar>> entries;
    const std::size_t least = coordinate_ ? 4 : 2;  // "1 1\n", "1\n"
    entries.reserve(std::min(static_cast<std::size_t>(stored_), lines_.left() / least + 1));
    int row = 0;
    int column = 0;
    for (std::int64_t k = 0; k < stored_; ++k) {
      std::string_view line;
      if (!next_content(line)) lines_.refuse("end of file", to_text(stored_) + " entries, " + to_text(k) + " found");
      const std::string_view whole = line;
      if (coordinate_) {
        row = index(line, rows_, whole);
        column = index(line, columns_, whole);
      } else {
        next_place(k, row, column);
      }
      const Scalar value = field_ == Field::pattern ? Scalar(1) : number(line, whole);
      if (!next_word(line).empty()) lines_.refuse(whole, "nothing after the value");
      if (coordinate_ || value != 0) add(entries, row, column, value, whole);
    }
    std::string_view line;
    if (next_content(line)) lines_.refuse(line, "the end of the file after " + to_text(stored_) + " entries");
    return matrix_of_entries(rows_, columns_, entries);
  }

 private:
  enum class Symmetry { general, symmetric, skew };
  enum class Field { real, integer, unsigned_integer, pattern };
  static constexpr int most = std::numeric_limits<int>::max();
  static constexpr std::string_view sizes = "sizes from 0 to 2147483647";
  static constexpr std::string_view too_many =
      "at most 2147483647 entries, what the StorageIndex int of Eigen::SparseMatrix counts";

  void read_banner() {
    std::string_view line;
    if (!lines_.next(line)) lines_.refuse("end of file", "a line that begins with %%MatrixMarket");
    std::string lower(line);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    std::string_view words = lower;
    if (next_word(words) != "%%matrixmarket" || next_word(words) != "matrix") {
      lines_.refuse(line, "%%MatrixMarket matrix ...");
    }
    const std::string_view format = next_word(words);
    const std::string_view field = next_word(words);
    const std::string_view symmetry = next_word(words);
    coordinate_ = format == "coordinate";
    if (!coordinate_ && format != "array") lines_.refuse(line, "coordinate or array");
    if (field == "integer") {
      field_ = Field::integer;
    } else if (field == "unsigned-integer") {  // as scipy writes it
      field_ = Field::unsigned_integer;
    } else if (field == "pattern") {
      field_ = Field::pattern;
      if (!coordinate_) lines_.refuse(line, "a pattern in coordinate format");
    } else if (field != "real" && field != "double") {
      lines_.refuse(line, "a field real, integer, unsigned-integer or pattern");
    }
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
    rows_ = static_cast<int>(size(line, whole));
    columns_ = static_cast<int>(size(line, whole));
    if (symmetry_ != Symmetry::general && rows_ != columns_) lines_.refuse(whole, "as many rows as columns");
    if (coordinate_) {
      stored_ = size(line, whole, too_many);
    } else {
      const std::int64_t n = rows_;
      stored_ = symmetry_ == Symmetry::general     ? n * columns_
                : symmetry_ == Symmetry::symmetric ? n * (n + 1) / 2
                                                   : n * (n - 1) / 2;
    }
    if (!next_word(line).empty()) lines_.refuse(whole, coordinate_ ? "rows, columns and entries" : "rows and columns");
    // Sizes that lie must not cost memory: an entry takes two characters at least, and the matrix 4 bytes per column.
    if (stored_ > static_cast<std::int64_t>(lines_.left())) {
      lines_.refuse(whole, "no more entries than the file can hold");
    }
    const std::int64_t widest = std::max<std::int64_t>(std::int64_t{1} << 22, 4 * static_cast<std::int64_t>(size_));
    if (columns_ > widest) {
      lines_.refuse(whole, "at most " + to_text(widest) + " columns: four for every byte of the file, or 4194304");
    }
  }

  std::int64_t size(std::string_view& line, std::string_view whole, std::string_view limit = sizes) {
    std::int64_t value = 0;
    if (!parse_number(next_word(line), value) || value < 0) lines_.refuse(whole, sizes);
    if (value > most) lines_.refuse(whole, limit);
    return value;
  }
  int index(std::string_view& line, int limit, std::string_view whole) {
    int value = 0;
    if (!parse_number(next_word(line), value) || value < 1 || value > limit) {
      lines_.refuse(whole, "row and column numbers from 1 to " + shape_text(rows_, columns_));
    }
    return value - 1;
  }
  Scalar number(std::string_view& line, std::string_view whole) {
    const std::string_view word = next_word(line);
    Scalar value = 0;
    if (!parse_number(word, value)) lines_.refuse(whole, "a finite number");
    if (field_ == Field::real) return value;
    const bool is_signed = word.starts_with('-') || word.starts_with('+');
    if (word.find_first_not_of("0123456789", is_signed ? 1 : 0) != std::string_view::npos) {
      lines_.refuse(whole, "a whole number in a file of integers");
    }
    if (field_ == Field::unsigned_integer && value < 0)
      lines_.refuse(whole, "a number >= 0 in a file of such integers");
    return value;
  }

  /// The place of the k-th number of an array: down the columns, the lower triangle where the matrix is symmetric.
  void next_place(std::int64_t k, int& row, int& column) const {
    const int first = symmetry_ == Symmetry::skew ? 1 : 0;
    if (k == 0) {
      row = first;
      column = 0;
    } else if (++row == rows_) {
      ++column;
      row = symmetry_ == Symmetry::general ? 0 : column + first;
    }
  }

  void add(std::vector<Eigen::Triplet<Scalar>>& entries, int row, int column, Scalar value, std::string_view whole) {
    if (symmetry_ == Symmetry::skew && row == column) lines_.refuse(whole, "no diagonal in a skew-symmetric matrix");
    if (symmetry_ != Symmetry::general && row < column) {
      lines_.refuse(whole, "the lower triangle of a symmetric matrix");
    }
    if (entries.size() > static_cast<std::size_t>(most) - 2) {
      lines_.refuse(whole, too_many);
    }
    entries.emplace_back(row, column, value);
    if (symmetry_ != Symmetry::general && row != column) {
      entries.emplace_back(column, row, symmetry_ == Symmetry::skew ? -value : value);
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

  LineReader& lines_;
  std::size_t size_;
  bool coordinate_ = true;
  Field field_ = Field::real;
  Symmetry symmetry_ = Symmetry::general;
  int rows_ = 0;
  int columns_ = 0;
  std::int64_t stored_ = 0;
};

}  // namespace detail

/// A matrix in Matrix Market format: coordinate or array; real, integer, unsigned-integer or pattern; general,
/// symmetric or skew-symmetric. What is stored in coordinates is stored in the matrix, zeros too; of an array, which
/// has them all, zeros are left out. Entries given twice are summed. Throws `Error` with the line for anything else,
/// for indices out of range, values that are not finite or not of the field, more or fewer entries than announced, more
/// entries than the `StorageIndex` of the matrix can count, and sizes that the file cannot mean.
template <std::floating_point Scalar = double>
Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> parse_matrix_market(std::string_view text,
                                                                      const std::string& name = "the text") {
  LineReader lines(text, name);
  return detail::MatrixMarketReader<Scalar>(lines).read();
}

/// The same from a file.
template <std::floating_point Scalar = double>
Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> read_matrix_market(const std::string& path) {
  LineReader lines = LineReader::open(path);
  return detail::MatrixMarketReader<Scalar>(lines).read();
}

/// Writes a sparse matrix in coordinate format, with all that it stores, zeros too, and all digits. Throws `Error` for
/// values that are not finite and if the file cannot be written.
template <class Derived>
void write_matrix_market(const std::string& path, const Eigen::SparseMatrixBase<Derived>& matrix) {
  using Scalar = typename Derived::Scalar;
  // Where it lies, if it can: for a copy Eigen takes memory by the number of rows.
  const Eigen::Ref<const Eigen::SparseMatrix<Scalar, Eigen::ColMajor, typename Derived::StorageIndex>> m(
      matrix.derived());
  constexpr bool is_whole = std::integral<Scalar>;
  std::string text = "%%MatrixMarket matrix coordinate ";
  text += is_whole ? "integer" : "real";
  text += " general\n" + detail::to_text(m.rows()) + ' ' + detail::to_text(m.cols()) + ' ' +
          detail::to_text(m.nonZeros()) + '\n';
  detail::FileWriter file(path);
  for (Index j = 0; j < m.outerSize(); ++j) {
    for (typename std::remove_cvref_t<decltype(m)>::InnerIterator entry(m, j); entry; ++entry) {
      if constexpr (!is_whole) {
        if (!detail::has_finite_bits(entry.value())) {
          detail::fail("matrix(" + detail::to_text(entry.row()) + ", " + detail::to_text(entry.col()) + ")",
                       detail::to_text(entry.value()), "a finite number");
        }
      }
      text += detail::to_text(entry.row() + 1) + ' ' + detail::to_text(entry.col() + 1) + ' ' +
              detail::to_text(entry.value()) + '\n';
    }
    constexpr std::size_t block = 65536;
    if (text.size() < block) continue;
    file.write(text);
    text.clear();
  }
  file.write(text);
  file.finish();
}

}  // namespace l0
