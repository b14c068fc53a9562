// SPDX-License-Identifier: MIT
// Uniform numbers as a function of (seed, stream, draw, element) and of nothing else.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <l0/random/rng.hpp>
#include "support/catch.hpp"

namespace tests::random::uniforms {

namespace {

using l0::Index;
using l0::Rng;

template <class Scalar>
std::vector<Scalar> uniforms(const Rng& rng, std::uint64_t stream, std::uint64_t draw, Index size) {
  std::vector<Scalar> values(static_cast<std::size_t>(size));
  l0::detail::fill_uniform(rng, stream, draw, values.data(), size);
  return values;
}

/// How many bits of u come from the generator; u is the centre of one of 2^bits cells.
template <class Scalar>
constexpr int cell_bits = std::numeric_limits<Scalar>::digits - 1;

}  // namespace

TEMPLATE_TEST_CASE("Uniforms are centres of equal cells of (0, 1): u and 1 - u are exact", "[random]", float, double) {
  bool centred = true;
  bool exact = true;
  for (const TestType u : uniforms<TestType>(Rng(1), 0, 0, 200000)) {
    const TestType twice_cells = std::ldexp(u, cell_bits<TestType> + 1);  // an odd number below 2^digits
    centred = centred && u > 0 && u < 1 && twice_cells == std::floor(twice_cells) && std::fmod(twice_cells, 2) == 1;
    exact = exact && static_cast<long double>(1 - u) == 1 - static_cast<long double>(u);
  }
  CHECK(centred);
  CHECK(exact);
}

TEST_CASE("A float takes half a block of bits, a double a whole one", "[random]") {
  // Written out once more: element e of a float array is word e/32 mod 2 of block 32·(e/64) + e mod 32.
  const l0::Words2x32 draw_key = l0::threefry2x32(l0::threefry2x32({9, 0}, {2, 0}), {3, 0});
  const auto single = uniforms<float>(Rng(9), 2, 3, 300);
  const auto twice = uniforms<double>(Rng(9), 2, 3, 300);
  for (std::uint32_t e = 0; e < 300; ++e) {
    const l0::Words2x32 pair = l0::threefry2x32(draw_key, {32 * (e / 64) + e % 32, 0});
    const std::uint32_t bits = e % 64 < 32 ? pair.first : pair.second;
    CHECK(single[e] == static_cast<float>((static_cast<double>(bits >> 9) + 0.5) * 0x1p-23));
    const l0::Words2x32 words = l0::threefry2x32(draw_key, {e, 0});
    const std::uint64_t mantissa = (std::uint64_t{words.first} << 32 | words.second) >> 12;
    CHECK(twice[e] == static_cast<double>(mantissa) * 0x1p-52 + 0x1p-53);
  }
}

TEMPLATE_TEST_CASE("An element does not depend on the size of the array or where reading starts", "[random]", float,
                   double) {
  const Rng rng(5);
  const auto all = uniforms<TestType>(rng, 1, 2, 1000);
  for (const Index size : {1, 63, 64, 65, 999}) {
    const auto some = uniforms<TestType>(rng, 1, 2, size);
    CHECK(std::equal(some.begin(), some.end(), all.begin()));
  }
  const auto source = rng.uniforms({1, 2, 1000, 1});
  for (const Index first : {896, 0, 448, 64}) {  // in any order
    TestType block[l0::detail::noise_block];
    source.fill(first, 64, block);
    CHECK(std::equal(block, block + 64, all.begin() + first));
  }
}

TEMPLATE_TEST_CASE("The shape that is asked for does not matter, nor what else was asked before", "[random]", float,
                   double) {
  Rng rng(5);
  TestType expected[l0::detail::noise_block];
  rng.uniforms({4, 7, 64, 1}).fill(0, 64, expected);
  rng();
  rng.next_stream();
  (void)rng.uniforms({9, 9, 9, 9});
  TestType block[l0::detail::noise_block];
  rng.uniforms({4, 7, 8, 8}).fill(0, 64, block);
  CHECK(std::equal(block, block + 64, expected));
}

TEMPLATE_TEST_CASE("Elements beyond 2^32 are numbered on", "[random]", float, double) {
  const auto source = Rng(5).uniforms({});
  TestType near[l0::detail::noise_block];
  TestType far[l0::detail::noise_block];
  for (const Index first : {Index{1} << 32, Index{1} << 33, Index{1} << 40}) {
    source.fill(0, 64, near);
    source.fill(first, 64, far);
    CHECK_FALSE(std::equal(near, near + 64, far));
  }
}

TEMPLATE_TEST_CASE("Seeds, streams and draws each give numbers of their own", "[random]", float, double) {
  const std::uint64_t high = std::uint64_t{1} << 32;
  const std::vector<std::vector<TestType>> arrays{
      uniforms<TestType>(Rng(0), 0, 0, 100),    uniforms<TestType>(Rng(1), 0, 0, 100),
      uniforms<TestType>(Rng(high), 0, 0, 100), uniforms<TestType>(Rng(0), 1, 0, 100),
      uniforms<TestType>(Rng(0), high, 0, 100), uniforms<TestType>(Rng(0), 0, 1, 100),
      uniforms<TestType>(Rng(0), 0, high, 100), uniforms<TestType>(Rng(1), 1, 0, 100),
      uniforms<TestType>(Rng(1), 0, 1, 100),    uniforms<TestType>(Rng(0), 1, 1, 100)};
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      int equal = 0;
      for (std::size_t k = 0; k < 100; ++k) equal += arrays[i][k] == arrays[j][k];
      CAPTURE(i, j);
      CHECK(equal <= 1);  // in 2^23 cells
    }
  }
  CHECK(uniforms<TestType>(Rng(7), 8, 9, 100) == uniforms<TestType>(Rng(7), 8, 9, 100));
}

}  // namespace tests::random::uniforms
