// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/io/text.hpp>

namespace l0::detail {

/// The columns of a table by name, however many.
class CsvColumns {
 public:
  CsvColumns() = default;
  /// Throws `Error` for a name that is there twice.
  CsvColumns(const std::vector<std::string>& fields, const std::string& table) {
    for (const std::string& field : fields) {
      order_.push_back(names_.size());
      names_.emplace_back(trimmed(field));
    }
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return names_[a] < names_[b]; });
    for (std::size_t k = 1; k < order_.size(); ++k) {
      const std::string& name = names_[order_[k]];
      if (name == names_[order_[k - 1]]) fail("a column of " + table, "'" + name + "' twice", "a name of its own");
    }
  }

  const std::vector<std::string>& names() const { return names_; }
  std::size_t size() const { return names_.size(); }

  /// The number of a column; `size()` if there is none of that name.
  std::size_t find(std::string_view name) const {
    const auto at = std::lower_bound(order_.begin(), order_.end(), name,
                                     [&](std::size_t k, std::string_view other) { return names_[k] < other; });
    return at != order_.end() && names_[*at] == name ? *at : names_.size();
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::size_t> order_;  // ascending by name
};

/// The rows of a CSV text, one after the other: of a text in memory, or of a file of which only a block and the row at
/// hand are held.
class CsvRows {
 public:
  /// Rows of a text that lives as long as this.
  CsvRows(std::string_view text, std::string name, char separator)
      : text_(without_mark(text, name)), size_(text_.size()), name_(std::move(name)), separator_(separator) {}

  /// Rows of a file.
  CsvRows(const std::string& path, char separator) : file_(path), name_(path), separator_(separator), is_last_(false) {
    size_ = file_->size();
    read_block();
    text_ = without_mark(text_, name_);
    at_ = buffer_.size() - text_.size();
    text_ = buffer_;
  }
  CsvRows(const CsvRows&) = delete;
  CsvRows& operator=(const CsvRows&) = delete;

  const std::string& name() const { return name_; }
  /// The line on which the row read last begins, from 1 on.
  std::size_t line() const { return begun_; }
  /// Bytes behind the rows read, and in all; 0 where that is not known.
  std::uint64_t position() const { return dropped_ + at_; }
  std::uint64_t size() const { return size_; }

  /// The fields of the next row; false at the end. An empty line is a row of one empty field.
  bool next(std::vector<std::string>& fields) {
    while (!take_row(fields)) read_block();
    return !fields.empty();
  }

 private:
  /// Reads a row that the text at hand holds as a whole; false, and nothing is read, if it does not. No fields: the
  /// end.
  bool take_row(std::vector<std::string>& fields) {
    fields.clear();
    std::size_t at = at_;
    std::size_t line = line_;
    if (at == text_.size()) return is_last_;
    for (bool more = true; more;) {
      std::string field;
      if (at < text_.size() && text_[at] == '"') {
        if (!take_quoted(at, line, field)) return false;
      } else if (!take_plain(at, line, field)) {
        return false;
      }
      if (at == text_.size() && !is_last_) return false;
      fields.push_back(std::move(field));
      more = at < text_.size() && text_[at] == separator_;
      if (more) ++at;
    }
    if (at < text_.size()) {  // CR LF, CR or LF
      if (text_[at] == '\r' && at + 1 == text_.size() && !is_last_) return false;
      at += text_.substr(at, 2) == "\r\n" ? 2 : 1;
      ++line;
    }
    begun_ = line_;
    at_ = at;
    line_ = line;
    return true;
  }

  bool take_plain(std::size_t& at, std::size_t line, std::string& field) const {
    const std::size_t begin = at;
    while (at < text_.size() && !ends_field(text_[at]) && text_[at] != '"') ++at;
    if (at == text_.size() && !is_last_) return false;
    if (at < text_.size() && text_[at] == '"') {
      refuse(line, "a quote inside a field", "quotes around the whole field, from its first character on");
    }
    field = text_.substr(begin, at - begin);
    return true;
  }

  bool take_quoted(std::size_t& at, std::size_t& line, std::string& field) const {
    const std::size_t begun = line;
    for (++at; at < text_.size(); ++at) {
      const char c = text_[at];
      if (c == '"') {
        if (at + 1 == text_.size() && !is_last_) return false;
        if (at + 1 == text_.size() || text_[at + 1] != '"') break;
        ++at;
      } else if (c == '\n' || (c == '\r' && text_.substr(at, 2) != "\r\n")) {
        ++line;
      }
      field += c;
    }
    if (at == text_.size()) {
      if (is_last_) refuse(begun, "a quote without end", "a closing quote");
      return false;
    }
    ++at;
    if (at < text_.size() && !ends_field(text_[at])) {
      refuse(line, "text after a closing quote", "a separator or the end of the line");
    }
    return true;
  }

  bool ends_field(char c) const { return c == separator_ || c == '\n' || c == '\r'; }

  [[noreturn]] void refuse(std::size_t line, std::string_view found, std::string_view expectation) const {
    fail(name_ + ", line " + to_text(line), found, expectation);
  }

  /// Forgets what was read and takes more of the file: as much as the row at hand has, so that long rows cost no more.
  void read_block() {
    constexpr std::size_t block = std::size_t{1} << 20;
    dropped_ += at_;
    buffer_.erase(0, at_);
    at_ = 0;
    is_last_ = !file_->read(buffer_, std::max(block, buffer_.size()));
    text_ = buffer_;
  }

  std::optional<FileReader> file_;
  std::string buffer_;
  std::string_view text_;  // all of it, or what the buffer holds
  std::uint64_t dropped_ = 0;
  std::uint64_t size_ = 0;
  std::string name_;
  char separator_;
  bool is_last_ = true;  // whether the text ends where text_ does
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t begun_ = 1;
};

}  // namespace l0::detail
