// SPDX-License-Identifier: MIT
// Given noise and standard generators as sources of uniforms.
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <l0/random/noise.hpp>
#include "support/catch.hpp"

namespace tests::random::noise_sources {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::Matrix;

/// What a gate array of that shape gets from a source, read as kernels do.
template <class Scalar, class Source>
Matrix<Scalar> read(Source& source, Index rows, Index columns) {
  const auto uniforms = l0::detail::uniforms_from<Scalar>(source, l0::NoiseRequest{0, 0, rows, columns});
  Matrix<Scalar> result(rows, columns);
  for (Index first = 0; first < result.size(); first += l0::detail::noise_block) {
    const Index count = std::min(l0::detail::noise_block, result.size() - first);
    Scalar block[l0::detail::noise_block];
    uniforms.fill(first, count, block);
    std::copy(block, block + count, result.data() + first);
  }
  return result;
}

/// 0.001, 0.002, ... column by column.
template <class Scalar>
Matrix<Scalar> numbered(Index rows, Index columns, Scalar start = 0) {
  Matrix<Scalar> result(rows, columns);
  for (Index i = 0; i < result.size(); ++i) result.data()[i] = start + Scalar(0.001) * static_cast<Scalar>(i + 1);
  return result;
}

/// A source of a user's own.
struct Halves {
  struct Uniforms {
    void fill(Index /*first*/, Index /*count*/, double* u) const { std::fill(u, u + l0::detail::noise_block, 0.5); }
  };
  Uniforms uniforms(const l0::NoiseRequest& /*request*/) const { return {}; }
};

static_assert(l0::NoiseSource<l0::Rng>);
static_assert(l0::NoiseSource<const l0::Rng&>);
static_assert(l0::NoiseSource<l0::GivenNoise<float>>);
static_assert(l0::NoiseSource<const l0::GivenNoise<double>&>);
static_assert(l0::NoiseSource<std::mt19937&>);
static_assert(l0::NoiseSource<Halves>);
static_assert(!l0::NoiseSource<int>);
static_assert(!l0::NoiseSource<Eigen::VectorXd>);

}  // namespace

TEMPLATE_TEST_CASE("Given noise is replayed by row and column, any size", "[random]", float, double) {
  for (const Index rows : {0, 1, 7, 63, 64, 65, 200}) {
    for (const Index columns : {1, 3}) {
      const Matrix<TestType> u = numbered<TestType>(rows, columns);
      const l0::GivenNoise<TestType> noise(u);
      CHECK(read<TestType>(noise, rows, columns) == u);
    }
  }
}

TEMPLATE_TEST_CASE("Given noise takes any expression and keeps a copy", "[random]", float, double) {
  Matrix<TestType> u = numbered<TestType>(5, 4);
  const Matrix<TestType> original = u;
  const Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = u;
  const l0::GivenNoise<TestType> noise(u, by_rows, u.array() * 1, u.block(0, 0, 5, 4));
  u.setZero();
  for (int i = 0; i < 4; ++i) CHECK(read<TestType>(noise, 5, 4) == original);
}

TEMPLATE_TEST_CASE("Several arrays are given in their order, then from the start again", "[random]", float, double) {
  const Matrix<TestType> first = numbered<TestType>(3, 2);
  const Matrix<TestType> second = numbered<TestType>(4, 1, TestType(0.5));
  l0::GivenNoise<TestType> noise(first, second);
  for (int pass = 0; pass < 3; ++pass) {
    CHECK(read<TestType>(noise, 3, 2) == first);
    CHECK(read<TestType>(noise, 4, 1) == second);
  }
}

TEMPLATE_TEST_CASE("Given noise of another shape is refused, and its turn is kept", "[random]", float, double) {
  const Matrix<TestType> first = numbered<TestType>(3, 2);
  const Matrix<TestType> second = numbered<TestType>(4, 1);
  l0::GivenNoise<TestType> noise(first, second);
  CHECK_THROWS_MATCHES(read<TestType>(noise, 2, 3), l0::Error, Message("l0: the given noise is 3x2, expected 2x3"));
  CHECK_THROWS_AS(read<TestType>(noise, 4, 1), l0::Error);
  CHECK(read<TestType>(noise, 3, 2) == first);
  CHECK_THROWS_MATCHES(read<TestType>(noise, 3, 2), l0::Error, Message("l0: the given noise is 4x1, expected 3x2"));
  CHECK(read<TestType>(noise, 4, 1) == second);
}

TEMPLATE_TEST_CASE("A standard generator supplies its numbers in order, one per element", "[random]", float, double) {
  std::mt19937 generator(42);
  std::mt19937 reference(42);
  for (const Index size : {1, 64, 65, 130}) {
    const Matrix<TestType> u = read<TestType>(generator, size, 1);
    for (Index i = 0; i < size; ++i) CHECK(u(i) == std::uniform_real_distribution<TestType>()(reference));
  }
  CHECK(generator == reference);  // nothing more was taken
}

TEST_CASE("An Rng is asked for counted noise, not for its sequence", "[random]") {
  l0::Rng rng(42);
  l0::Rng untouched(42);
  const Matrix<double> u = read<double>(rng, 70, 1);
  CHECK(u == read<double>(rng, 70, 1));
  CHECK(rng() == untouched());
}

TEST_CASE("A source of the user's own", "[random]") {
  Halves halves;
  CHECK(read<double>(halves, 5, 5) == Matrix<double>::Constant(5, 5, 0.5));
}

namespace {

/// Counts how often it is asked; its numbers have `bits` bits, all of them 1 or all 0.
template <int bits>
struct Counted {
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return (result_type{1} << bits) - 1; }
  result_type operator()() {
    ++calls;
    return ones ? max() : 0;
  }
  bool ones = false;
  int calls = 0;
};

template <class Scalar, int bits>
int numbers_for_one() {
  Counted<bits> generator;
  CHECK(l0::detail::canonical<Scalar>(generator) == 0);
  Counted<bits> highest{.ones = true};
  CHECK(l0::detail::canonical<Scalar>(highest) == 1 - std::numeric_limits<Scalar>::epsilon() / 2);
  CHECK(highest.calls == generator.calls);
  return generator.calls;
}

}  // namespace

TEST_CASE("As many numbers of a generator make one uniform as std::generate_canonical takes", "[random]") {
  CHECK(numbers_for_one<float, 24>() == 1);
  CHECK(numbers_for_one<float, 23>() == 2);
  CHECK(numbers_for_one<float, 12>() == 2);
  CHECK(numbers_for_one<double, 53>() == 1);
  CHECK(numbers_for_one<double, 52>() == 2);
  CHECK(numbers_for_one<double, 32>() == 2);
}

}  // namespace tests::random::noise_sources
