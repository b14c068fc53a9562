// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// What all fuzz targets share. A target gives bytes to a reader, which may do one of two things: take them, or throw
/// `l0::Error`. Everything else is a finding: another exception, a report of a sanitizer, a broken promise.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include <l0/core/error.hpp>

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace l0::fuzz {

/// A file that is rewritten for every input; in memory where there is Linux.
class ScratchFile {
 public:
#ifdef __linux__
  ScratchFile() : handle_(memfd_create("fuzz", 0)), path_("/proc/self/fd/" + std::to_string(handle_)) {
    if (handle_ < 0) std::abort();
  }
  void write(std::string_view bytes) const {
    if (ftruncate(handle_, 0) != 0 || pwrite(handle_, bytes.data(), bytes.size(), 0) < 0) std::abort();
  }

 private:
  int handle_;

 public:
#else
  ScratchFile() : path_((std::filesystem::temp_directory_path() / "l0_fuzz").string()) {}
  void write(std::string_view bytes) const {
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) std::abort();
    std::fclose(file);
  }
#endif
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Ends the program where a promise is broken.
inline void require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Runs what may throw `Error`, which must say something; whether it did not.
template <class Use>
bool accepted(Use&& use) {
  try {
    use();
    return true;
  } catch (const Error& e) {
    require(std::string_view(e.what()).starts_with("l0: "), "an Error says where it comes from");
    return false;
  }
}

/// Takes an input apart.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}

  /// The next number, 0 at the end.
  template <class Number>
  Number take() {
    Number number{};
    const std::size_t size = std::min(sizeof number, left_.size());
    if (size > 0) std::memcpy(&number, left_.data(), size);
    left_.remove_prefix(size);
    return number;
  }
  bool empty() const { return left_.empty(); }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

/// `bytes` with edits that the input lists: its length, then places and what is written there.
inline std::string edited(std::string bytes, Input& input) {
  const auto change = input.take<std::int8_t>();
  if (change < 0) bytes.resize(bytes.size() - std::min(bytes.size(), static_cast<std::size_t>(-change)));
  if (change > 0) bytes.resize(bytes.size() + static_cast<std::size_t>(change), '\0');
  while (!input.empty() && !bytes.empty()) {
    const std::size_t at = input.take<std::uint16_t>() % bytes.size();
    const auto width = std::min<std::size_t>(std::size_t{1} << (input.take<std::uint8_t>() % 4), bytes.size() - at);
    const auto value = input.take<std::uint64_t>();
    std::memcpy(bytes.data() + at, &value, width);
  }
  return bytes;
}

}  // namespace l0::fuzz
