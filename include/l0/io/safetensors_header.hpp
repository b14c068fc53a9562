// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/file.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// The header of a safetensors file as read: what each tensor is and where its bytes lie.
struct TensorEntry {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::size_t begin = 0;
  std::size_t end = 0;
};
struct TensorHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads the header: the part of JSON that the format allows there, and nothing else.
class HeaderParser {
 public:
  HeaderParser(const std::string& path, std::string_view text) : path_(path), text_(text) {}

  TensorHeader parse() {
    if (text_.empty() || text_.front() != '{') refuse("an object, from its first byte on");
    TensorHeader header;
    bool has_metadata = false;
    object([&](const std::string& name) {
      if (name == "__metadata__") {
        if (has_metadata) refuse("one __metadata__");
        has_metadata = true;
        object([&](const std::string& key) {
          if (!header.metadata.emplace(key, string()).second) refuse("different names");
        });
      } else if (!header.tensors.emplace(name, tensor()).second) {
        refuse("different names");
      }
    });
    skip_spaces();
    if (at_ != text_.size()) refuse("spaces after the object");
    return header;
  }

 private:
  [[noreturn]] void refuse(std::string_view expectation) const {
    fail_file(path_, "with a header that goes wrong at byte " + to_text(at_), expectation);
  }

  void skip_spaces() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool take(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse(std::string("'") + c + "'");
  }

  /// Calls value(key) for every key; it reads what follows the colon.
  template <class Value>
  void object(Value&& value) {
    expect('{');
    if (take('}')) return;
    do {
      const std::string key = string();
      expect(':');
      value(key);
    } while (take(','));
    expect('}');
  }

  std::string string() {
    expect('"');
    std::string result;
    for (;;) {
      if (at_ == text_.size()) refuse("the end of a string");
      const char c = text_[at_++];
      if (c == '"') return result;
      if (static_cast<unsigned char>(c) < 0x20) refuse("no control characters in a string");
      result += c == '\\' ? escaped() : std::string(1, c);
    }
  }

  std::string escaped() {
    if (at_ == text_.size()) refuse("the end of a string");
    const char c = text_[at_++];
    switch (c) {
      case '"':
      case '\\':
      case '/': return std::string(1, c);
      case 'b': return "\b";
      case 'f': return "\f";
      case 'n': return "\n";
      case 'r': return "\r";
      case 't': return "\t";
      case 'u': return code_point();
      default: refuse("an escape of JSON");
    }
  }

  /// The four digits of \uXXXX.
  std::uint32_t hexadecimal() {
    std::uint32_t code = 0;
    for (int k = 0; k < 4; ++k) {
      const char c = at_ < text_.size() ? text_[at_++] : '?';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) refuse("four hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  /// \uXXXX as UTF-8; two of them for a character beyond U+FFFF, as Python's json writes it.
  std::string code_point() {
    std::uint32_t code = hexadecimal();
    if (code >= 0xD800 && code < 0xE000) {
      const bool has_second = code < 0xDC00 && text_.substr(at_, 2) == "\\u";
      at_ += has_second ? 2 : 0;
      const std::uint32_t second = has_second ? hexadecimal() : 0;
      if (second < 0xDC00 || second >= 0xE000) refuse("two surrogates, or none");
      code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    }
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;  // bytes after the first
    std::string result(1, static_cast<char>((0xFF00U >> (more + 1) & 0xFFU) | code >> (6 * more)));
    for (int k = more - 1; k >= 0; --k) result += static_cast<char>(0x80U | (code >> (6 * k) & 0x3FU));
    return result;
  }

  std::uint64_t number() {
    skip_spaces();
    const std::size_t first = at_;
    std::uint64_t value = 0;
    constexpr std::uint64_t limit = std::numeric_limits<Index>::max() / 16;  // ten times as much is still a number
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
      if (value > limit) refuse("a smaller number");
    }
    if (at_ == first || (text_[first] == '0' && at_ > first + 1)) refuse("a whole number >= 0");
    return value;
  }

  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> list;
    expect('[');
    if (take(']')) return list;
    do {
      list.push_back(number());
    } while (take(','));
    expect(']');
    return list;
  }

  TensorEntry tensor() {
    TensorEntry entry;
    int dtypes = 0;
    int shapes = 0;
    int offsets = 0;
    object([&](const std::string& key) {
      if (key == "dtype") {
        entry.dtype = string();
        ++dtypes;
      } else if (key == "shape") {
        entry.shape = numbers();
        ++shapes;
      } else if (key == "data_offsets") {
        const auto range = numbers();
        if (range.size() != 2 || range[0] > range[1]) refuse("data_offsets [begin, end]");
        entry.begin = static_cast<std::size_t>(range[0]);
        entry.end = static_cast<std::size_t>(range[1]);
        ++offsets;
      } else {
        refuse("dtype, shape or data_offsets");
      }
    });
    if (dtypes != 1 || shapes != 1 || offsets != 1) refuse("one dtype, one shape and one data_offsets");
    return entry;
  }

  const std::string& path_;
  std::string_view text_;
  std::size_t at_ = 0;
};

/// Refuses tensors that do not follow one another from byte 0 to the end of the file.
inline void require_gapless(const std::string& path, const TensorHeader& header, std::size_t size) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& entry : header.tensors) ranges.emplace_back(entry.second.begin, entry.second.end);
  std::sort(ranges.begin(), ranges.end());
  std::size_t at = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != at) fail_file(path, "with tensors that overlap or leave a gap at byte " + to_text(at), "neither");
    at = end;
  }
  if (at != size) {
    fail_file(path, to_text(size) + " bytes of numbers long", to_text(at) + ", as its header asks for");
  }
}

}  // namespace l0::detail
