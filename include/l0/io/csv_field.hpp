// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace l0 {

/// A field for a CSV file: in quotes where it has to be.
inline std::string csv_field(std::string_view text, char separator = ',') {
  const char special[] = {separator, '"', '\n', '\r'};
  if (text.find_first_of(std::string_view(special, sizeof special)) == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) result.append(c == '"' ? 2 : 1, c);
  return result + '"';
}

}  // namespace l0
