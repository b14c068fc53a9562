// SPDX-License-Identifier: MIT
// Matrices of uniform and normal numbers.
#include <cmath>

#include <l0/random/rng.hpp>
#include "support/catch.hpp"
#include "support/statistics.hpp"

namespace tests::random::matrices {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::Matrix;
using l0::Rng;
using l0::test::allowed_deviations;

}  // namespace

TEMPLATE_TEST_CASE("A matrix is draw 0 of the next stream, in storage order", "[random]", float, double) {
  Rng rng(42);
  CHECK(rng.next_stream() == 1);
  const Matrix<TestType> u = l0::standard_uniform<TestType>(rng, 13, 7);
  const Matrix<TestType> e = l0::standard_normal<TestType>(rng, 13, 7);
  CHECK(rng.next_stream() == 4);
  Matrix<TestType> expected(13, 7);
  l0::detail::fill_uniform(Rng(42), 2, 0, expected.data(), expected.size());
  CHECK(u == expected);
  l0::detail::fill_normal(Rng(42), 3, 0, expected.data(), expected.size());
  CHECK(e == expected);
}

TEMPLATE_TEST_CASE("One seed gives one matrix, each call another", "[random]", float, double) {
  Rng first(7);
  Rng second(7);
  Rng other(8);
  const Matrix<TestType> e = l0::standard_normal<TestType>(first, 50, 3);
  CHECK(e == l0::standard_normal<TestType>(second, 50, 3));
  CHECK(e != l0::standard_normal<TestType>(other, 50, 3));
  CHECK(e != l0::standard_normal<TestType>(first, 50, 3));
  Rng plain(7);
  CHECK(first() == plain());  // the sequence goes on untouched
}

TEMPLATE_TEST_CASE("Matrices have the moments of their distributions", "[random]", float, double) {
  Rng rng(3);
  const Index size = 200000;
  const double n = static_cast<double>(size);
  const Eigen::ArrayXXd u = l0::standard_uniform<TestType>(rng, 1000, 200).template cast<double>();
  const Eigen::ArrayXXd e = l0::standard_normal<TestType>(rng, 1000, 200).template cast<double>();
  CHECK((u > 0 && u < 1).all());
  CHECK(std::abs(u.mean() - 0.5) <= allowed_deviations / std::sqrt(12 * n));
  CHECK(std::abs(e.mean()) <= allowed_deviations / std::sqrt(n));
  CHECK(std::abs(e.square().mean() - 1) <= allowed_deviations * std::sqrt(2 / n));
  CHECK(std::abs((u * e).mean()) <= allowed_deviations / std::sqrt(3 * n));  // two matrices are independent
}

TEST_CASE("A vector is a matrix of one column, and empty ones are fine", "[random]") {
  Rng rng(1);
  const Eigen::VectorXd e = 0.1 * l0::standard_normal<double>(rng, 5);
  CHECK(e.size() == 5);
  CHECK(l0::standard_uniform<float>(rng, 0, 3).cols() == 3);
  CHECK(l0::standard_normal<float>(rng, 3, 0).rows() == 3);
}

TEST_CASE("A size below 0 is refused and takes no stream", "[random]") {
  Rng rng(1);
  CHECK_THROWS_MATCHES(l0::standard_normal<double>(rng, -1, 2), l0::Error,
                       Message("l0: rows is -1, expected a size >= 0"));
  CHECK_THROWS_MATCHES(l0::standard_uniform<double>(rng, 2, -1), l0::Error,
                       Message("l0: columns is -1, expected a size >= 0"));
  CHECK(rng.next_stream() == 1);
}

}  // namespace tests::random::matrices
