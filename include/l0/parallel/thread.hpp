// SPDX-License-Identifier: MIT
#pragma once

// As with the stopwatch, <thread> is dear and POSIX is not.
#if defined(__unix__) || defined(__APPLE__)
#define L0_POSIX_THREADS 1
#include <pthread.h>
#else
#define L0_POSIX_THREADS 0
#include <thread>
#endif

namespace l0::detail {

/// A thread that calls `object.*run()`; it must be joined.
class Thread {
 public:
#if L0_POSIX_THREADS
  /// False where the system gives no thread.
  template <auto run, class Object>
  bool start(Object& object) {
    const auto call = [](void* self) -> void* {
      (static_cast<Object*>(self)->*run)();
      return nullptr;
    };
    return pthread_create(&handle_, nullptr, call, &object) == 0;
  }
  void join() { pthread_join(handle_, nullptr); }

 private:
  pthread_t handle_{};
#else
  template <auto run, class Object>
  bool start(Object& object) {
    thread_ = std::thread([&object] { (object.*run)(); });
    return true;
  }
  void join() { thread_.join(); }

 private:
  std::thread thread_;
#endif
};

}  // namespace l0::detail
