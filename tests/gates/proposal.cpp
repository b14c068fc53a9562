// SPDX-License-Identifier: MIT
// The supports that gates without noise propose, where the best one is known.
#include <l0/gates/proposal.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <l0/random/rng.hpp>

#include "support/catch.hpp"

namespace tests::gates::proposal {

namespace {

using l0::Index;
using l0::Matrix;

Matrix<double> normals(std::uint64_t seed, Index rows, Index columns) {
  Matrix<double> result(rows, columns);
  l0::detail::fill_normal(l0::Rng(seed), 1, 0, result.data(), result.size());
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("Without correlations a column is proposed where a step pays", "[gates]", float, double) {
  // Orthonormal columns: the loss falls by c², c the correlations with the responses, whatever the others do. A gate
  // opens from where it starts if a step pays there: c² dm/dP > price.
  const l0::detail::GateTable<double> table(l0::HardConcrete<double>{.temperature = 2.0 / 3});
  const double rise = table.at(0).slope;
  CHECK((rise > 1 && rise < 1.5));  // so that all that is worth more than its price is proposed
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const Index responses : {1, 3}) {
      const Index m = 12;
      const Matrix<double> correlation = normals(seed, m, responses);
      for (const double price : {0.01, 0.3, 2.0, 50.0}) {
        CAPTURE(seed, responses, price);
        std::vector<Index> expected;
        for (Index j = 0; j < m; ++j) {
          const double worth = correlation.row(j).squaredNorm() * rise / price;
          REQUIRE(std::abs(worth - 1) > 0.02);  // or the steps might end before the gate is decided
          if (worth > 1) expected.push_back(j);
        }
        CHECK(l0::detail::propose_support<TestType>(Matrix<TestType>::Identity(m, m), correlation.cast<TestType>(),
                                                    price) == expected);
      }
    }
  }
}

TEST_CASE("The order of the columns does not matter to what is proposed", "[gates]") {
  // Three columns that make up the response, among others correlated with them.
  const Index n = 60, m = 9;
  Matrix<double> x = normals(5, n, m) + normals(6, n, 1).replicate(1, m) / 2;
  x.colwise().normalize();
  const Eigen::Vector3d weight(2, -1.5, 1);
  const Eigen::VectorXd y = x.leftCols(3) * weight;
  for (Index turn = 0; turn < m; ++turn) {
    CAPTURE(turn);
    Matrix<double> turned(n, m);
    std::vector<Index> expected;
    for (Index j = 0; j < m; ++j) turned.col((j + turn) % m) = x.col(j);
    for (const Index j : {0, 1, 2}) expected.push_back((j + turn) % m);
    std::sort(expected.begin(), expected.end());
    CHECK(l0::detail::propose_support<double>(turned.transpose() * turned, turned.transpose() * y, 0.05) == expected);
  }
}

}  // namespace tests::gates::proposal
