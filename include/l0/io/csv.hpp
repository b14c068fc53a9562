// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Tables as comma-separated values. A door of its own: `l0.hpp` does not include it.
///
/// Source: RFC 4180; lines may also end in LF or CR alone, and a byte order mark is passed over.

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/types.hpp>
#include <l0/io/csv_field.hpp>
#include <l0/io/csv_rows.hpp>

namespace l0 {

/// How a CSV text is to be read.
struct CsvOptions {
  char separator = ',';  ///< between fields: no quote, no end of line
  char decimal = '.';    ///< '.' or ',', and not the separator
  /// What stands for a number or category that is missing; blanks around it do not count.
  std::vector<std::string> missing = {"", "NA", "N/A", "NaN", "nan", "null", "NULL"};
  /// Called while rows are read, about once in a million bytes: stage "reading", step and steps are bytes (steps is 0
  /// where the file's size is not known), loss and the like NaN. `Flow::stop` ends the reading after the row at hand.
  AnyCallback callback = {};
};

/// A column of texts as categories.
struct Categories {
  std::vector<std::string> names;  ///< of the categories, ascending by their bytes or as they were given
  Eigen::VectorXi codes;           ///< of every row: the place in `names`, −1 where the category is missing
  std::string source;              ///< of which column of which table, for messages

  /// Rows × categories from number `first` on: 1 where a row has the category, else 0. With `first` = 1 the category 0
  /// is what the others are compared with. Throws `Error` for a row whose category is missing.
  template <std::floating_point Scalar = double>
  Matrix<Scalar> dummies(Index first = 0) const {
    const auto count = static_cast<Index>(names.size());
    detail::require(first >= 0 && first <= count, "first", first, "a category in [0, " + detail::to_text(count) + "]");
    Matrix<Scalar> result = Matrix<Scalar>::Zero(codes.size(), count - first);
    for (Index i = 0; i < codes.size(); ++i) {
      if (codes(i) < 0) {
        detail::fail(source + ", row " + detail::to_text(i + 1), "missing",
                     "a category; with CsvOptions::missing = {} the empty text is one");
      }
      if (codes(i) >= first) result(i, codes(i) - first) = 1;
    }
    return result;
  }
};

/// A table of texts with named columns.
class CsvTable {
 public:
  CsvTable() = default;

  /// Reads a header line and rows of as many fields. Names are taken without blanks around them. Throws `Error` with
  /// the line for rows of another length, columns of the same name, quotes that do not end or stand inside a field, and
  /// a text without a header.
  static CsvTable parse(std::string_view text, const std::string& name = "the text", const CsvOptions& options = {});
  /// The same from a file.
  static CsvTable read(const std::string& path, const CsvOptions& options = {});

  /// The names of the columns, from the first line.
  const std::vector<std::string>& names() const { return header_.names(); }
  /// Lines below the first.
  Index rows() const { return static_cast<Index>(lines_.size()); }
  /// Whether there is a column of that name.
  bool has(std::string_view column) const { return header_.find(column) < header_.size(); }

  /// The texts of a column. Throws `Error` for an unknown name, and lists the known.
  const std::vector<std::string>& column(std::string_view name) const {
    const std::size_t found = header_.find(name);
    if (found == header_.size()) {
      constexpr std::size_t longest = 20;
      std::string known;
      for (std::size_t c = 0; c < std::min(header_.size(), longest); ++c) {
        known += (c == 0 ? "" : ", ") + header_.names()[c];
      }
      if (header_.size() > longest) known += ", ...";
      detail::fail("a column of " + source_, "'" + std::string(name) + "'", "one of " + known);
    }
    return columns_[found];
  }

  /// A column as numbers, with or without blanks around them. Throws `Error` with the line for a field that is no
  /// finite number, also for one that stands for a missing number.
  std::vector<double> numbers(std::string_view name) const { return numbers_of<double>(name, nullptr); }
  /// The same with a value, which may be NaN, for missing numbers.
  std::vector<double> numbers(std::string_view name, double missing) const {
    return numbers_of<double>(name, &missing);
  }

  /// Rows × the columns of these names, as numbers. Throws `Error` as `numbers` does.
  template <std::floating_point Scalar = double>
  Matrix<Scalar> matrix(const std::vector<std::string>& columns) const {
    return matrix_of<Scalar>(columns, nullptr);
  }
  /// The same with a value, which may be NaN, for missing numbers.
  template <std::floating_point Scalar = double>
  Matrix<Scalar> matrix(const std::vector<std::string>& columns, double missing) const {
    return matrix_of<Scalar>(columns, &missing);
  }

  /// A column as categories: all its texts, ascending.
  Categories categories(std::string_view name) const {
    std::map<std::string_view, int> known;
    for (const std::string& text : column(name)) {
      if (!is_missing(text)) known.emplace(detail::trimmed(text), 0);
    }
    std::vector<std::string> names;
    for (const auto& entry : known) names.emplace_back(entry.first);
    return categories(name, names);
  }
  /// A column as categories of these names: for a part of a table, or for other data of the same kind. Throws `Error`
  /// with the line for a text that is none of them.
  Categories categories(std::string_view name, const std::vector<std::string>& names) const {
    std::map<std::string_view, int> known;
    for (const std::string& text : names) {
      if (!known.emplace(text, static_cast<int>(known.size())).second) {
        detail::fail("names", "'" + text + "' twice", "different categories");
      }
    }
    const std::vector<std::string>& texts = column(name);
    Categories result{names, Eigen::VectorXi(rows()), source_ + ", column " + std::string(name)};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto found = known.find(detail::trimmed(texts[i]));
      if (found == known.end() && !is_missing(texts[i])) refuse(name, i, "a category that is known");
      result.codes(static_cast<Index>(i)) = found == known.end() ? -1 : found->second;
    }
    return result;
  }

 private:
  friend class CsvReader;

  bool is_missing(std::string_view text) const {
    return std::find(missing_.begin(), missing_.end(), detail::trimmed(text)) != missing_.end();
  }

  template <class Scalar>
  std::vector<Scalar> numbers_of(std::string_view name, const double* missing) const {
    const std::vector<std::string>& texts = column(name);
    std::vector<Scalar> values(texts.size());
    std::string with_point;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (is_missing(texts[i])) {  // first, as it may be a number: -999
        if (missing == nullptr) refuse(name, i, "a finite number, or a value for missing ones");
        values[i] = static_cast<Scalar>(*missing);
        continue;
      }
      std::string_view text = detail::trimmed(texts[i]);
      if (decimal_ != '.') {
        with_point = text;
        for (char& c : with_point) c = c == decimal_ ? '.' : c == '.' ? decimal_ : c;
        text = with_point;
      }
      if (!parse_number(text, values[i])) refuse(name, i, "a finite number");
    }
    return values;
  }

  template <class Scalar>
  Matrix<Scalar> matrix_of(const std::vector<std::string>& columns, const double* missing) const {
    Matrix<Scalar> result(rows(), static_cast<Index>(columns.size()));
    Index j = 0;
    for (const std::string& name : columns) {
      const std::vector<Scalar> values = numbers_of<Scalar>(name, missing);
      result.col(j++) = Eigen::Map<const Vector<Scalar>>(values.data(), rows());
    }
    return result;
  }

  [[noreturn]] void refuse(std::string_view name, std::size_t row, std::string_view expectation) const {
    detail::fail(source_ + ", line " + detail::to_text(lines_[row]) + ", column " + std::string(name),
                 detail::shown(column(name)[row]), expectation);
  }

  std::string source_;
  std::vector<std::string> missing_;
  char decimal_ = '.';
  detail::CsvColumns header_;
  std::vector<std::vector<std::string>> columns_;
  std::vector<std::size_t> lines_;  // where every row begins
};

/// Reads a table in parts, so that it may be larger than memory: of a file only the part at hand is held.
///
///     l0::CsvReader reader("flights.csv");
///     for (l0::CsvTable part; reader.next(part, 100'000);) {
///       model.partial_fit(part.matrix({"distance", "hour"}), part.matrix({"delay"}));
///     }
class CsvReader {
 public:
  /// Reads the header of a file. Throws `Error` as `CsvTable::read` does.
  explicit CsvReader(const std::string& path, const CsvOptions& options = {})
      : options_(checked(options)), rows_(path, options.separator) {
    read_header();
  }
  /// The same of a text that lives as long as this.
  static CsvReader of_text(std::string_view text, const std::string& name = "the text",
                           const CsvOptions& options = {}) {
    return CsvReader(text, name, options);
  }

  /// The names of the columns.
  const std::vector<std::string>& names() const { return header_.names(); }
  /// Rows given out so far.
  Index rows() const { return count_; }

  /// The next rows, at most `rows` of them, in place of what `part` held; false, and no rows, after the last. Throws
  /// `Error` as `CsvTable::read` does, and then `part` is as before.
  bool next(CsvTable& part, Index rows) {
    detail::require(rows >= 1, "rows", rows, "a number >= 1");
    CsvTable table;
    table.source_ = rows_.name();
    table.missing_ = options_.missing;
    table.decimal_ = options_.decimal;
    table.header_ = header_;
    table.columns_.resize(header_.size());
    std::vector<std::string> fields;
    while (table.rows() < rows && !is_stopped_ && rows_.next(fields)) {
      if (fields.size() == 1 && fields[0].empty() && header_.size() > 1) continue;  // an empty line
      if (fields.size() != header_.size()) {
        detail::fail(rows_.name() + ", line " + detail::to_text(rows_.line()),
                     detail::to_text(fields.size()) + " fields", detail::to_text(header_.size()) + ", one per column");
      }
      for (std::size_t c = 0; c < fields.size(); ++c) table.columns_[c].push_back(std::move(fields[c]));
      table.lines_.push_back(rows_.line());
      constexpr std::uint64_t step = 1'000'000;
      if (rows_.position() >= reported_ + step) report();
    }
    if (table.rows() < rows && rows_.position() > reported_ && !is_stopped_) report();  // the end
    count_ += table.rows();
    part = std::move(table);
    return part.rows() > 0;
  }

 private:
  friend class CsvTable;

  CsvReader(std::string_view text, const std::string& name, const CsvOptions& options)
      : options_(checked(options)), rows_(text, name, options.separator) {
    read_header();
  }

  static const CsvOptions& checked(const CsvOptions& options) {
    if (options.separator == '"' || options.separator == '\n' || options.separator == '\r') {
      detail::fail("separator", detail::shown(std::string(1, options.separator)), "no quote and no end of line");
    }
    if ((options.decimal != '.' && options.decimal != ',') || options.decimal == options.separator) {
      detail::fail("decimal", detail::shown(std::string(1, options.decimal)),
                   "a point or a comma that is not the separator");
    }
    return options;
  }

  void read_header() {
    std::vector<std::string> fields;
    do {
      if (!rows_.next(fields)) detail::fail(rows_.name(), "empty", "a header line with the names of the columns");
    } while (fields.size() == 1 && fields[0].empty());
    header_ = detail::CsvColumns(fields, rows_.name());
  }

  void report() {
    reported_ = rows_.position();
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    StepReport report;
    report.step = static_cast<Index>(rows_.position());
    report.steps = static_cast<Index>(rows_.size());
    report.stage = "reading";
    report.loss = report.objective = report.expected_l0 = report.lambda = none;
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
    is_stopped_ = options_.callback(report) == Flow::stop;
  }

  CsvOptions options_;
  detail::CsvRows rows_;
  detail::CsvColumns header_;
  Index count_ = 0;
  std::uint64_t reported_ = 0;
  bool is_stopped_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

inline CsvTable CsvTable::parse(std::string_view text, const std::string& name, const CsvOptions& options) {
  CsvTable table;
  CsvReader::of_text(text, name, options).next(table, std::numeric_limits<Index>::max());
  return table;
}

inline CsvTable CsvTable::read(const std::string& path, const CsvOptions& options) {
  CsvTable table;
  CsvReader(path, options).next(table, std::numeric_limits<Index>::max());
  return table;
}

}  // namespace l0
