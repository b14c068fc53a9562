// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <l0/core/error.hpp>

namespace l0::detail {

/// The whole of a text file. Throws `Error` if it cannot be read.
inline std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("path", path, "a file that can be read");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) fail("path", path, "a file that can be read");
  return text;
}

/// Takes a text apart line by line and says where something is wrong.
class LineReader {
 public:
  LineReader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  /// The next line without its end, LF or CR LF; false after the last.
  bool next(std::string_view& line) {
    if (position_ >= text_.size()) return false;
    const std::size_t end = std::min(text_.find('\n', position_), text_.size());
    line = text_.substr(position_, end - position_);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    position_ = end + 1;
    ++number_;
    return true;
  }

  std::size_t left() const { return text_.size() - std::min(position_, text_.size()); }

  [[noreturn]] void refuse(std::string_view found, std::string_view expectation) const {
    constexpr std::size_t longest = 60;
    const std::string shown(found.substr(0, longest));
    fail(name_ + ", line " + std::to_string(number_), "'" + shown + (found.size() > longest ? "...'" : "'"),
         expectation);
  }

 private:
  std::string_view text_;
  std::string name_;
  std::size_t position_ = 0;
  std::size_t number_ = 0;
};

/// The next word of a line, removed from it; empty at its end.
inline std::string_view next_word(std::string_view& line) {
  constexpr std::string_view space = " \t";
  line.remove_prefix(std::min(line.find_first_not_of(space), line.size()));
  const std::string_view word = line.substr(0, std::min(line.find_first_of(space), line.size()));
  line.remove_prefix(word.size());
  return word;
}

/// Whether the whole of `text` is one number of this type; a leading + is taken.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace l0::detail
