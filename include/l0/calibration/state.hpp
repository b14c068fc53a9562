// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/file.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// Where a calibration stood after a pass: all that its continuation needs, as bytes. `fit` hands it to
/// `CalibrationTask::checkpoint` and goes on from it when given as `resume`.
///
///     task.checkpoint = [](const l0::CalibrationState& state) { state.save("run.state"); };
///     const auto state = l0::CalibrationState::load("run.state");   // after a crash
///     cal.fit(M, targets, {.resume = &state});
///
/// Bytes are those of the machine that wrote them; another byte order or type of numbers is refused.
class CalibrationState {
 public:
  CalibrationState() = default;
  /// A state from its bytes; they are checked when it is used.
  explicit CalibrationState(std::string bytes) : bytes_(std::move(bytes)) {}

  /// The bytes, to be written to a file.
  const std::string& bytes() const { return bytes_; }

  /// Writes the file anew beside `path` and renames it, so that a crash leaves the old one or the new one. Throws
  /// `Error` if that fails.
  void save(const std::string& path) const { detail::write_file(path, bytes_); }

  /// Throws `Error` if the file cannot be read; what it holds is checked by `fit`.
  static CalibrationState load(const std::string& path) {
    return CalibrationState(detail::read_file(path, detail::Gzip::ignored));
  }

 private:
  std::string bytes_;
};

namespace detail {

/// Writes values one after the other; the counterpart of `StateReader`, with which solvers share one list of members.
class StateWriter {
 public:
  static constexpr bool reads = false;

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void operator()(const T& value) { append(&value, sizeof value); }

  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(static_cast<std::uint64_t>(values.size()));
    append(values.data(), values.size() * sizeof(T));
  }

  /// The bytes with their length and checksum.
  CalibrationState finish() && {
    (*this)(checksum(bytes_));
    return CalibrationState(std::move(bytes_));
  }

  /// FNV-1a.
  static std::uint64_t checksum(std::string_view bytes) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
    return hash;
  }

 private:
  void append(const void* from, std::size_t size) { bytes_.append(static_cast<const char*>(from), size); }

  std::string bytes_;
};

/// Reads what `StateWriter` wrote; throws `Error` for bytes that are damaged or end early. Bytes with a good checksum
/// are not trusted either: lists keep the sizes that their members have, numbers in them are finite, and solvers
/// `require` the rest of what they rely on.
class StateReader {
 public:
  static constexpr bool reads = true;

  explicit StateReader(const CalibrationState& state) : left_(state.bytes()) {
    std::uint64_t sum = 0;
    bool good = left_.size() >= sizeof sum;
    if (good) {
      std::memcpy(&sum, left_.data() + left_.size() - sizeof sum, sizeof sum);
      left_.remove_suffix(sizeof sum);
      good = sum == StateWriter::checksum(left_);
    }
    if (!good) fail("resume", "damaged or empty", "the bytes of a CalibrationState");
  }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      char byte = 0;
      take(&byte, 1, 1);
      require(byte == 0 || byte == 1);
      value = byte == 1;
    } else {
      take(&value, 1, sizeof value);
    }
  }

  template <class T>
  void operator()(std::vector<T>& values) {
    std::uint64_t size = 0;
    (*this)(size);
    require(size == values.size());
    take(values.data(), values.size(), sizeof(T));
    if constexpr (std::is_floating_point_v<T>) {
      for (const T value : values) require(std::isfinite(value));
    }
  }

  /// Refuses the state unless `good`.
  static void require(bool good) {
    if (!good) fail("resume", "damaged", "the bytes of a CalibrationState of this run");
  }

  /// Refuses bytes that nobody has asked for.
  void finish() const { require(left_.empty()); }

 private:
  void take(void* to, std::size_t count, std::size_t size) {
    if (count * size > left_.size()) fail("resume", "too short", "the bytes of a CalibrationState");
    if (count > 0) std::memcpy(to, left_.data(), count * size);
    left_.remove_prefix(count * size);
  }

  std::string_view left_;
};

}  // namespace detail
}  // namespace l0
