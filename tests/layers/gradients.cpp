// SPDX-License-Identifier: MIT
#include <cstdint>
#include <vector>

#include "layers/gradient_check.hpp"

namespace tests::layers::gradients {

namespace {

using l0::Index;
using l0::test::check_all_gradients;

constexpr Index inputs = 6;

template <class Grouping>
auto layer_of(const Grouping& grouping) {
  return [grouping](Index outputs, bool bias) {
    l0::Rng rng(0);
    return l0::L0Linear<double, Grouping>(inputs, outputs, rng, grouping, {.bias = bias});
  };
}

}  // namespace

#define L0_TEST_ALL_BATCHES                                                                                           \
  l0::test::DenseColumns<double>, l0::test::DenseRows<double>, l0::test::Expression,                                  \
      (l0::test::Block<double, Eigen::ColMajor>), (l0::test::Block<double, Eigen::RowMajor>),                         \
      l0::test::StridedMap<double>, (l0::test::Sparse<double, Eigen::ColMajor>),                                      \
      (l0::test::Sparse<double, Eigen::RowMajor>), (l0::test::Sparse<double, Eigen::ColMajor, std::int64_t>),         \
      (l0::test::Sparse<double, Eigen::RowMajor, std::int64_t>),                                                      \
      (l0::test::SparseUncompressed<double, Eigen::ColMajor>),                                                        \
      (l0::test::SparseUncompressed<double, Eigen::RowMajor>), (l0::test::SparseExpression<double, Eigen::ColMajor>), \
      (l0::test::SparseExpression<double, Eigen::RowMajor>)

TEMPLATE_TEST_CASE("Gradients of a layer with a gate per weight", "[gradient]", L0_TEST_ALL_BATCHES) {
  check_all_gradients<TestType>(layer_of(l0::PerWeight{}), [](Index) {
    return [](Index o, Index j) { return std::pair{o, j}; };
  });
}

TEMPLATE_TEST_CASE("Gradients of a layer with a gate per input", "[gradient]", L0_TEST_ALL_BATCHES) {
  check_all_gradients<TestType>(layer_of(l0::PerInput{}), [](Index) {
    return [](Index, Index j) { return std::pair{j, Index{0}}; };
  });
}

TEMPLATE_TEST_CASE("Gradients of a layer with a gate per output", "[gradient]", l0::test::DenseColumns<double>,
                   l0::test::DenseRows<double>, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor>)) {
  const auto gate_of = [](Index) { return [](Index o, Index) { return std::pair{o, Index{0}}; }; };
  for (const bool bias : {true, false}) {
    for (const double closed : {0.0, 0.3}) {
      CAPTURE(bias, closed);
      l0::test::check_gradients<TestType>(l0::test::make_case(layer_of(l0::PerOutput{})(4, bias), 5, closed),
                                          gate_of(4));
    }
  }
}

TEMPLATE_TEST_CASE("Gradients of a layer with gates for groups of inputs", "[gradient]", l0::test::DenseColumns<double>,
                   l0::test::DenseRows<double>, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor>)) {
  const std::vector<Index> group_of{2, 0, 1, 0, 3, 2};
  check_all_gradients<TestType>(layer_of(l0::Groups(group_of)), [&](Index) {
    return [&](Index, Index j) { return std::pair{group_of[static_cast<std::size_t>(j)], Index{0}}; };
  });
}

TEMPLATE_TEST_CASE("Gradients of a layer with gates for groups of weights", "[gradient]",
                   l0::test::DenseColumns<double>, (l0::test::Sparse<double, Eigen::RowMajor>)) {
  const std::vector<Index> group_of{0, 1, 2, 0, 3, 4, 4, 0, 1, 1, 2, 3};  // row by row
  const auto gate_of = [&](Index o, Index j) {
    return std::pair{group_of[static_cast<std::size_t>(o * inputs + j)], Index{0}};
  };
  for (const double closed : {0.0, 0.4}) {
    CAPTURE(closed);
    l0::test::check_gradients<TestType>(l0::test::make_case(layer_of(l0::Groups(group_of))(2, true), 5, closed),
                                        gate_of);
  }
}

}  // namespace tests::layers::gradients
