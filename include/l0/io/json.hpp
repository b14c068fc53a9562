// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include <l0/core/error.hpp>

namespace l0::detail {

/// A text as JSON has it, in quotes.
inline std::string json_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      result += "\\u00";
      result += digits[static_cast<unsigned char>(c) >> 4];
      result += digits[static_cast<unsigned char>(c) & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

/// A value as JSON has it; NaN and infinity, which it does not know, become null.
inline std::string json_value(std::string_view text) { return json_text(text); }
inline std::string json_value(const std::string& text) { return json_text(text); }
inline std::string json_value(const char* text) { return json_text(text); }
template <class Number>
  requires std::integral<Number> || std::floating_point<Number> std::string json_value(Number number) {
    if constexpr (std::floating_point<Number>) {
      if (!std::isfinite(number)) return "null";
    }
    return to_text(number);
  }

/// A list of values, as any range has them.
template <class Range, class Convert>
std::string json_list(const Range& range, Convert&& convert) {
  std::string result = "[";
  for (const auto& value : range) {
    if (result.size() > 1) result += ',';
    result += convert(value);
  }
  return result + ']';
}
template <class Range>
std::string json_list(const Range& range) {
  return json_list(range, [](const auto& value) { return json_value(value); });
}

/// An object, field by field.
class JsonObject {
 public:
  template <class Value>
  JsonObject& add(std::string_view name, const Value& value) {
    return add_json(name, json_value(value));
  }
  /// A field whose value is JSON already.
  JsonObject& add_json(std::string_view name, std::string_view json) {
    if (text_.size() > 1) text_ += ',';
    text_ += json_text(name);
    text_ += ':';
    text_ += json;
    return *this;
  }
  std::string str() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

}  // namespace l0::detail
