// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Tables as comma-separated values. A door of its own: `l0.hpp` does not include it.
///
/// Source: RFC 4180; lines may also end in LF alone, and a byte order mark is passed over.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/io/text_file.hpp>

namespace l0 {

/// A table of texts with named columns.
class CsvTable {
 public:
  /// Reads a header line and rows of as many fields. Throws `Error` with the line for rows of another length, columns
  /// of the same name, quotes that do not end or stand inside a field, and a text without a header.
  static CsvTable parse(std::string_view text, const std::string& name = "the text", char separator = ',') {
    CsvTable table;
    table.source_ = name;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::size_t position = 0;
    std::size_t line = 1;
    std::vector<std::string> fields;
    bool is_header = true;
    while (position < text.size()) {
      const std::size_t begun = line;
      fields.clear();
      read_row(text, position, line, separator, name, fields);
      if (fields.size() == 1 && fields[0].empty() && (is_header || table.names_.size() > 1)) continue;  // an empty line
      if (is_header) {
        table.set_header(fields);
        is_header = false;
        continue;
      }
      if (fields.size() != table.names_.size()) {
        detail::fail(name + ", line " + std::to_string(begun), std::to_string(fields.size()) + " fields",
                     std::to_string(table.names_.size()) + ", one per column");
      }
      for (std::size_t c = 0; c < fields.size(); ++c) table.columns_[c].push_back(std::move(fields[c]));
    }
    if (is_header) detail::fail(name, "empty", "a header line with the names of the columns");
    return table;
  }

  /// The same from a file.
  static CsvTable read(const std::string& path, char separator = ',') {
    return parse(detail::read_text_file(path), path, separator);
  }

  /// The names of the columns, from the first line.
  const std::vector<std::string>& names() const { return names_; }
  /// Lines below the first.
  Index rows() const { return columns_.empty() ? 0 : static_cast<Index>(columns_.front().size()); }
  /// Whether there is a column of that name.
  bool has(std::string_view column) const { return std::find(names_.begin(), names_.end(), column) != names_.end(); }

  /// The texts of a column. Throws `Error` for an unknown name, and lists the known.
  const std::vector<std::string>& column(std::string_view name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      std::string known;
      for (const std::string& other : names_) known += (known.empty() ? "" : ", ") + other;
      detail::fail("a column of " + source_, "'" + std::string(name) + "'", "one of " + known);
    }
    return columns_[static_cast<std::size_t>(found - names_.begin())];
  }

  /// A column as numbers; empty fields become `missing`. Throws `Error` for a field that is no finite number, and for
  /// an empty one where `missing` is NaN, with its row.
  std::vector<double> numbers(std::string_view name, double missing = std::numeric_limits<double>::quiet_NaN()) const {
    std::vector<double> values;
    for (const std::string& text : column(name)) {
      double value = missing;
      const bool good = text.empty() ? !std::isnan(missing) : detail::parse_number(text, value) && std::isfinite(value);
      if (!good) {
        detail::fail(source_ + ", column " + std::string(name) + ", row " + std::to_string(values.size() + 1),
                     "'" + text + "'", "a finite number");
      }
      values.push_back(value);
    }
    return values;
  }

 private:
  void set_header(const std::vector<std::string>& fields) {
    for (const std::string& field : fields) {
      if (has(field)) detail::fail("a column of " + source_, "'" + field + "' twice", "a name of its own");
      names_.push_back(field);
    }
    columns_.resize(names_.size());
  }

  /// Reads one row from `position` on; fields in quotes may hold separators, line ends and doubled quotes.
  static void read_row(std::string_view text, std::size_t& position, std::size_t& line, char separator,
                       const std::string& name, std::vector<std::string>& fields) {
    std::string field;
    const auto refuse = [&](const char* found, const char* expectation) {
      detail::fail(name + ", line " + std::to_string(line), found, expectation);
    };
    for (;;) {
      if (position < text.size() && text[position] == '"') {
        read_quoted(text, position, line, field, refuse);
        if (position < text.size() && text[position] != separator && text[position] != '\n' && text[position] != '\r') {
          refuse("text after a closing quote", "a separator or the end of the line");
        }
      } else {
        while (position < text.size() && text[position] != separator && text[position] != '\n') {
          if (text[position] == '"') refuse("a quote inside a field", "quotes around the whole field");
          field += text[position++];
        }
        if (!field.empty() && field.back() == '\r' && (position == text.size() || text[position] == '\n')) {
          field.pop_back();
        }
      }
      if (position < text.size() && text[position] == '\r') ++position;
      fields.push_back(std::move(field));
      field.clear();
      const bool more = position < text.size() && text[position] == separator;
      const bool ends_line = position < text.size() && text[position] == '\n';
      if (more || ends_line) ++position;
      if (ends_line) ++line;
      if (!more) return;
    }
  }

  template <class Refuse>
  static void read_quoted(std::string_view text, std::size_t& position, std::size_t& line, std::string& field,
                          const Refuse& refuse) {
    for (++position;; ++position) {
      if (position >= text.size()) refuse("a quote without end", "a closing quote");
      if (text[position] == '\n') ++line;
      if (text[position] != '"') {
        field += text[position];
      } else if (position + 1 < text.size() && text[position + 1] == '"') {
        field += '"';
        ++position;
      } else {
        ++position;
        return;
      }
    }
  }

  std::string source_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> columns_;
};

/// A field for a CSV file: in quotes where it has to be.
inline std::string csv_field(std::string_view text, char separator = ',') {
  const char special[] = {separator, '"', '\n', '\r'};
  if (text.find_first_of(std::string_view(special, 4)) == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace l0
