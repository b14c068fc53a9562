// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// parallel/: a few threads, and the same bits from any number of them.
///
///     a fit cuts its work into numbered chunks, whose number and borders do not depend on the threads
///       ▼ Workers(threads).run(chunks, work)
///     every thread, the calling one too, takes the next chunk until none is left
///       ▼ each writes a place of its own
///     the caller adds the chunks up in the order of their numbers
///
/// The threads live as long as the fit and sleep between two runs.

// As with the stopwatch, <thread> is dear and POSIX is not.
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#else
#include <thread>
#endif

#include <atomic>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// A thread that calls `object.*run()`; it must be joined.
class Thread {
 public:
#if defined(__unix__) || defined(__APPLE__)
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

/// A few threads that wait for work. Work comes as numbered chunks whose results do not depend on who does them or
/// when; a caller who adds them up in the order of their numbers gets the same bits from any number of threads. A
/// template, so that nothing of it is compiled before it is used.
template <class Thread>
class WorkerPool {
 public:
  /// `threads` in all, the calling one included; with 1 no thread is started.
  explicit WorkerPool(int threads) {
    for (int i = 1; i < threads; ++i) {
      Thread thread;
      if (!thread.template start<&WorkerPool::serve>(*this)) break;  // then with fewer
      pool_.push_back(std::move(thread));  // NOLINT(performance-move-const-arg): a number on some systems only
    }
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() {
    call_ = nullptr;
    start_round();
    for (Thread& thread : pool_) thread.join();
  }

  /// Calls work(chunk) for chunk = 0..chunks−1, each once, and returns when all are done. `work` must not throw.
  template <class Work>
  void run(Index chunks, const Work& work) {
    if (pool_.empty() || chunks < 2) {
      for (Index chunk = 0; chunk < chunks; ++chunk) work(chunk);
      return;
    }
    call_ = [](const void* context, Index chunk) { (*static_cast<const Work*>(context))(chunk); };
    context_ = &work;
    chunks_ = chunks;
    next_ = 0;
    busy_ = static_cast<int>(pool_.size());
    start_round();
    take_chunks();
    for (int busy = busy_; busy != 0; busy = busy_) busy_.wait(busy);
  }

 private:
  void start_round() {
    ++round_;
    round_.notify_all();
  }

  void serve() {
    for (int seen = 0;; ++seen) {
      round_.wait(seen);
      if (call_ == nullptr) return;
      take_chunks();
      if (--busy_ == 0) busy_.notify_one();
    }
  }

  void take_chunks() {
    for (Index chunk = next_++; chunk < chunks_; chunk = next_++) call_(context_, chunk);
  }

  std::vector<Thread> pool_;
  void (*call_)(const void*, Index) = nullptr;
  const void* context_ = nullptr;
  Index chunks_ = 0;
  std::atomic<Index> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<int> round_{0};
};

using Workers = WorkerPool<Thread>;

}  // namespace l0::detail
