// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/replace_file.hpp>

namespace l0::detail {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

/// Refuses a file: "l0: PATH is WHAT, expected EXPECTATION".
[[noreturn]] inline void fail_file(const std::string& path, std::string_view what, std::string_view expectation) {
  fail("file " + path, what, expectation);
}

/// All bytes of a file. Throws `Error` where it cannot be read.
inline std::vector<unsigned char> read_bytes(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) fail_file(path, "not readable", "a file that can be opened");
  std::vector<unsigned char> bytes;
  unsigned char buffer[65536];
  for (std::size_t count; (count = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;) {
    bytes.insert(bytes.end(), buffer, buffer + count);
  }
  if (std::ferror(file.get()) != 0) fail_file(path, "not readable", "a file that can be read to its end");
  return bytes;
}

/// Writes a file as a whole: under another name first, so that an old file stays where writing fails. Throws `Error`.
inline void write_bytes(const std::string& path, const std::vector<unsigned char>& bytes) {
  const std::string temporary = path + ".part";
  File file(std::fopen(temporary.c_str(), "wb"));
  if (!file) fail_file(path, "not writable", "a place where a file can be made");
  std::fwrite(bytes.data(), 1, bytes.size(), file.get());  // a short write leaves its mark for replace_file
  if (!replace_file(file.release(), temporary, path)) {
    fail_file(path, "not written", "room for " + to_text(bytes.size()) + " bytes");
  }
}

/// The number at `from`, in the byte order `order`.
template <class Number>
Number number_at(const unsigned char* from, std::endian order) {
  unsigned char bytes[sizeof(Number)];
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes[i] = from[order == std::endian::native ? i : sizeof(Number) - 1 - i];
  }
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

/// Appends a number in the byte order `order`.
template <class Number>
void append_number(std::vector<unsigned char>& bytes, Number number, std::endian order) {
  unsigned char raw[sizeof(Number)];
  std::memcpy(raw, &number, sizeof number);
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes.push_back(raw[order == std::endian::native ? i : sizeof(Number) - 1 - i]);
  }
}

}  // namespace l0::detail
