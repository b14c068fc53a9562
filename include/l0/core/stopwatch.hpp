// SPDX-License-Identifier: MIT
#pragma once

// <chrono> costs every program that includes the library a twentieth of what Eigen does; where there is POSIX, its
// clock is read instead.
#include <ctime>
#ifndef CLOCK_MONOTONIC
#include <chrono>
#endif

namespace l0::detail {

/// Seconds since it was made, by a clock that is never set.
class Stopwatch {
 public:
  double seconds() const { return now() - start_; }

 private:
  static double now() {
#ifdef CLOCK_MONOTONIC
    std::timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
#else
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
#endif
  }

  double start_ = now();
};

}  // namespace l0::detail
