// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Counts allocations from the heap. To be included by one file of a program, whose malloc it replaces. Where that
/// cannot be done (other C libraries than glibc, sanitizers), Eigen's own check remains: in builds with assertions it
/// ends the program at the first allocation that Eigen makes.

#include <Eigen/Core>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define L0_TEST_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define L0_TEST_SANITIZER 1
#endif
#endif

#if defined(__GLIBC__) && !defined(L0_TEST_SANITIZER)
#define L0_TEST_COUNTS_ALLOCATIONS 1
#else
#define L0_TEST_COUNTS_ALLOCATIONS 0
#endif

namespace l0::test {

inline thread_local bool is_counting = false;
inline thread_local int allocation_count = 0;

/// How often `work` takes memory from the heap; 0 where it cannot be counted.
template <class Work>
int allocations_in(Work&& work) {
  allocation_count = 0;
  is_counting = true;
  work();
  is_counting = false;
  return allocation_count;
}

/// Runs `work` with Eigen's check on.
template <class Work>
void forbid_eigen_allocations(Work&& work) {
  Eigen::internal::set_is_malloc_allowed(false);
  work();
  Eigen::internal::set_is_malloc_allowed(true);
}

}  // namespace l0::test

#if L0_TEST_COUNTS_ALLOCATIONS
// operator new and Eigen's aligned allocation end up in these.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  if (l0::test::is_counting) ++l0::test::allocation_count;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  if (l0::test::is_counting) ++l0::test::allocation_count;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  if (l0::test::is_counting) ++l0::test::allocation_count;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  if (l0::test::is_counting) ++l0::test::allocation_count;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  if (l0::test::is_counting) ++l0::test::allocation_count;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;
}
}
#endif
