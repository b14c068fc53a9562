// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// A few threads that wait for work. Work comes as numbered chunks whose results do not depend on who does them or
/// when; a caller who adds them up in the order of their numbers gets the same bits from any number of threads.
class Workers {
 public:
  /// `threads` in all, the calling one included; with 1 no thread is started.
  explicit Workers(int threads) {
    for (int i = 1; i < threads; ++i) pool_.emplace_back([this] { serve(); });
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : pool_) thread.join();
  }

  /// Calls work(chunk) for chunk = 0..chunks−1, each once, and returns when all are done. `work` must not throw.
  template <class Work>
  void run(Index chunks, const Work& work) {
    if (pool_.empty() || chunks < 2) {
      for (Index chunk = 0; chunk < chunks; ++chunk) work(chunk);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      call_ = [](const void* context, Index chunk) { (*static_cast<const Work*>(context))(chunk); };
      context_ = &work;
      chunks_ = chunks;
      next_ = 0;
      busy_ = static_cast<Index>(pool_.size());
      ++round_;
    }
    wake_.notify_all();
    take_chunks();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  void serve() {
    Index seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return closing_ || round_ != seen; });
      if (closing_) return;
      seen = round_;
      lock.unlock();
      take_chunks();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void take_chunks() {
    for (Index chunk = next_++; chunk < chunks_; chunk = next_++) call_(context_, chunk);
  }

  std::vector<std::thread> pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  void (*call_)(const void*, Index) = nullptr;
  const void* context_ = nullptr;
  std::atomic<Index> next_{0};
  Index chunks_ = 0;
  Index busy_ = 0;
  Index round_ = 0;
  bool closing_ = false;
};

}  // namespace l0::detail
