// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <l0/core/error.hpp>

namespace l0::detail {

/// Numbers the draws of an object. Assignment is a change as well, so that no number comes twice.
class DrawNumber {
 public:
  DrawNumber() = default;
  DrawNumber(const DrawNumber&) = default;
  DrawNumber& operator=(const DrawNumber&) {
    next();
    return *this;
  }
  ~DrawNumber() = default;

  void next() { ++number_; }
  std::uint64_t get() const { return number_; }

 private:
  std::uint64_t number_ = 0;
};

/// Refuses a function that needs a draw which was not made.
inline void require_sample(std::string_view function, bool has_sample, std::string_view first = "sample") {
  if (!has_sample) {
    fail(function, "called before " + std::string(first), "a call of " + std::string(first) + " first");
  }
}

/// Refuses a backward whose gates are not those of its forward any more.
inline void require_same_draw(std::uint64_t now, std::uint64_t drawn, std::string_view first) {
  if (now != drawn) fail("backward", "called after the gates were drawn again", "the draw of " + std::string(first));
}

/// What backward needs to know of a draw beside its values.
template <class Distribution>
struct Draw {
  Distribution distribution;  // of that time: backward after set_temperature still belongs to it
  bool is_there = false;
  bool frozen = false;
};

}  // namespace l0::detail
