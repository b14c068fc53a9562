// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Texts taken apart: lines, words, numbers, whatever the locale of C or C++ is. What all readers of texts stand on,
/// and those of formats of your own may.

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <locale.h>
#include <stdlib.h>
#endif
#if defined(__APPLE__) || defined(__FreeBSD__)
#include <xlocale.h>
#endif

#include <l0/core/file.hpp>
#include <l0/io/bytes.hpp>

namespace l0 {

namespace detail {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// A text without the blanks around it.
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// What a decimal number without a leading + looks like.
struct DecimalShape {
  bool is_number = false;
  bool is_below_one = false;  ///< |number| < 1
};

/// -?(digits[.digits] | .digits)[(e|E)[+|-]digits], and nothing else.
inline DecimalShape decimal_shape(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  std::int64_t digits = 0;
  std::int64_t whole = 0;    // digits before the point, from the first that is not 0 on
  std::int64_t leading = 0;  // zeros after the point, before the first that is not 0
  bool has_significant = false;
  for (; at < text.size() && is_digit(text[at]); ++at, ++digits) {
    has_significant = has_significant || text[at] != '0';
    whole += has_significant ? 1 : 0;
  }
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at, ++digits) {
      has_significant = has_significant || text[at] != '0';
      leading += has_significant ? 0 : 1;
    }
  }
  if (digits == 0) return {};
  std::int64_t exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const bool is_negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const std::size_t first = at;
    constexpr std::int64_t most = std::int64_t{1} << 55;  // more than any text has digits
    for (; at < text.size() && is_digit(text[at]); ++at) exponent = std::min(10 * exponent + (text[at] - '0'), most);
    if (at == first) return {};
    if (is_negative) exponent = -exponent;
  }
  if (at != text.size()) return {};
  return {true, !has_significant || (whole > 0 ? whole : -leading) + exponent <= 0};
}

#if defined(__unix__) || defined(__APPLE__)
/// The number by strtod in the locale "C": for standard libraries whose std::from_chars has no floating-point numbers.
template <std::floating_point Real>
bool parse_decimal_by_strtod(std::string_view text, Real& number) {
  static const locale_t plain = newlocale(LC_ALL_MASK, "C", nullptr);
  if (!decimal_shape(text).is_number) return false;
  char buffer[128];
  const std::string longer(text.size() < sizeof buffer ? std::string_view() : text);
  if (longer.empty()) buffer[text.copy(buffer, sizeof buffer - 1)] = '\0';
  const char* begin = longer.empty() ? buffer : longer.c_str();
  Real value;
  if constexpr (sizeof(Real) == 4) {
    value = strtof_l(begin, nullptr, plain);
  } else {
    value = strtod_l(begin, nullptr, plain);
  }
  if (!has_finite_bits(value)) return false;
  number = value;
  return true;
}
#endif

}  // namespace detail

/// Whether the whole of `text` is one number: for whole types digits after + or -, for float and double also a point
/// and an exponent. Numbers are rounded to the nearest; what is too small to be told from 0 becomes 0. False, and
/// `number` is as before, for everything else: no number, too large a one, infinities and NaN.
template <std::integral Number>
bool parse_number(std::string_view text, Number& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  Number value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return false;
  number = value;
  return true;
}

/// The same for float and double.
template <std::floating_point Number>
bool parse_number(std::string_view text, Number& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (first == text.size() || !(detail::is_digit(text[first]) || text[first] == '.')) return false;
#if defined(__cpp_lib_to_chars) && __cpp_lib_to_chars >= 201611L
  Number value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ptr != text.data() + text.size()) return false;
  if (result.ec == std::errc::result_out_of_range) {  // of both ends, which it does not tell apart
    if (!detail::decimal_shape(text).is_below_one) return false;
    value = first == 1 ? -Number(0) : Number(0);
  } else if (result.ec != std::errc()) {
    return false;
  }
  number = value;
  return true;
#else
  return detail::parse_decimal_by_strtod(text, number);
#endif
}

/// The next word of a line, between blanks and tabs, removed from it; empty at its end.
inline std::string_view next_word(std::string_view& line) {
  std::size_t begin = 0;
  while (begin < line.size() && detail::is_blank(line[begin])) ++begin;
  std::size_t end = begin;
  while (end < line.size() && !detail::is_blank(line[end])) ++end;
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

namespace detail {

/// A text without a byte order mark. Throws `Error` for UTF-16.
inline std::string_view without_mark(std::string_view text, const std::string& name) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) fail(name, "in UTF-16", "a text in UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

/// A piece of a text for a message: short, and without what terminals obey.
inline std::string shown(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result = "'";
  for (const char c : text.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(c);
    result += code < 0x20 || code == 0x7F ? '?' : c;
  }
  return result + (text.size() > longest ? "...'" : "'");
}

}  // namespace detail

/// The lines of a text, one after the other; says where something is wrong. Lines end in LF, CR LF or CR; a byte order
/// mark is passed over.
///
///     l0::LineReader lines = l0::LineReader::open("margins.txt");
///     for (std::string_view line; lines.next(line);) {
///       double value = 0;
///       if (!l0::parse_number(l0::next_word(line), value)) lines.refuse(line, "a number");
///     }
class LineReader {
 public:
  /// Lines of a text that lives as long as this; `name` is for messages. Throws `Error` for UTF-16.
  explicit LineReader(std::string_view text, std::string name = "the text")
      : text_(detail::without_mark(text, name)), name_(std::move(name)) {}
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// Lines of a file, which is read at once. Throws `Error`, naming the file, where it cannot be read.
  static LineReader open(const std::string& path) { return LineReader(Owned{detail::read_file(path)}, path); }

  /// The next line without its end; false after the last.
  bool next(std::string_view& line) {
    if (position_ >= text_.size()) return false;
    std::size_t end = position_;
    while (end < text_.size() && text_[end] != '\n' && text_[end] != '\r') ++end;
    line = text_.substr(position_, end - position_);
    const bool is_pair = text_.substr(std::min(end, text_.size()), 2) == "\r\n";
    position_ = end + (is_pair ? 2 : 1);
    ++number_;
    return true;
  }

  /// The number of the line read last, from 1 on.
  std::size_t number() const { return number_; }
  /// Characters after that line.
  std::size_t left() const { return text_.size() - std::min(position_, text_.size()); }

  /// Throws `Error`: "NAME, line N is 'FOUND', expected EXPECTATION".
  [[noreturn]] void refuse(std::string_view found, std::string_view expectation) const {
    detail::fail(name_ + ", line " + detail::to_text(number_), detail::shown(found), expectation);
  }

 private:
  struct Owned {
    std::string text;
  };
  LineReader(Owned owned, const std::string& name)
      : owned_(std::move(owned.text)), text_(detail::without_mark(owned_, name)), name_(name) {}

  std::string owned_;
  std::string_view text_;
  std::string name_;
  std::size_t position_ = 0;
  std::size_t number_ = 0;
};

}  // namespace l0
