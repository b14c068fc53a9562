// SPDX-License-Identifier: MIT
#include <cstdint>
#include <set>

#include <l0/random/threefry.hpp>
#include "support/catch.hpp"

namespace tests::random::threefry {

using l0::threefry2x32;
using l0::Words2x32;

// The known answers of Random123, tests/kat_vectors, threefry2x32 with 20 rounds; here also at compile time.
static_assert(threefry2x32({0, 0}, {0, 0}) == Words2x32{0x6b200159, 0x99ba4efe});
static_assert(threefry2x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) == Words2x32{0x1cb996fc, 0xbb002be7});
static_assert(threefry2x32({0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3}) == Words2x32{0xc4923a9c, 0x483df7a0});

TEST_CASE("Threefry-2x32-20 gives the known answers", "[random]") {
  volatile std::uint32_t zero = 0;  // at run time
  const std::uint32_t none = zero;
  const std::uint32_t all = ~none;
  CHECK(threefry2x32({none, none}, {none, none}) == Words2x32{0x6b200159, 0x99ba4efe});
  CHECK(threefry2x32({all, all}, {all, all}) == Words2x32{0x1cb996fc, 0xbb002be7});
  CHECK(threefry2x32({none + 0x13198a2e, none + 0x03707344}, {none + 0x243f6a88, none + 0x85a308d3}) ==
        Words2x32{0xc4923a9c, 0x483df7a0});
}

TEST_CASE("Different counters never give the same words", "[random]") {
  std::set<std::uint64_t> seen;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    const Words2x32 words = threefry2x32({7, 8}, {i, i % 3});
    seen.insert(std::uint64_t{words.first} << 32 | words.second);
  }
  CHECK(seen.size() == 10000);
}

TEST_CASE("A 64-bit number is split low word first", "[random]") {
  CHECK(l0::split_words(0x0123456789abcdefU) == Words2x32{0x89abcdef, 0x01234567});
}

}  // namespace tests::random::threefry
