// SPDX-License-Identifier: MIT
// How gates are shared by the weights of a layer: each grouping against its rule, written out per weight.
#include <functional>
#include <utility>
#include <vector>

#include <l0/gates/grouping.hpp>
#include "support/catch.hpp"

namespace tests::gates::groupings {

namespace {

using Catch::Matchers::Message;
using l0::Groups;
using l0::Index;
using l0::Matrix;

constexpr Index outputs = 3;
constexpr Index inputs = 4;

static_assert(l0::GateGrouping<l0::PerWeight>);
static_assert(l0::GateGrouping<l0::PerInput>);
static_assert(l0::GateGrouping<l0::PerOutput>);
static_assert(l0::GateGrouping<l0::Groups>);
static_assert(!l0::GateGrouping<int>);

template <class Scalar>
Matrix<Scalar> numbers(Index rows, Index columns, double phase) {
  return Matrix<Scalar>::NullaryExpr(rows, columns, [=](Index i, Index j) {
    return static_cast<Scalar>(std::sin(phase + 1.3 * static_cast<double>(i + rows * j)));
  });
}

/// `gate_of(o, i)` is the position of the gate of weight (o, i) in the gate array.
template <class Scalar, class Grouping>
void check(Grouping grouping, std::pair<Index, Index> shape, const std::function<Index(Index, Index)>& gate_of) {
  REQUIRE(grouping.bind(outputs, inputs) == shape);
  using Gates = Eigen::Matrix<Scalar, Eigen::Dynamic, Grouping::gate_columns>;
  const Gates z = numbers<Scalar>(shape.first, shape.second, 0.2);
  const Matrix<Scalar> weight = numbers<Scalar>(outputs, inputs, 0.7);
  const Matrix<Scalar> upstream = numbers<Scalar>(outputs, inputs, 2.1);
  Matrix<Scalar> scaled(outputs, inputs);
  Matrix<Scalar> weight_gradient = Matrix<Scalar>::Ones(outputs, inputs);
  Gates gate_gradient = Gates::Ones(shape.first, shape.second);
  for (Index j = 0; j < inputs; ++j) {
    grouping.scale_column(j, z, weight.col(j), scaled.col(j));
    grouping.backward_column(j, z, weight.col(j), upstream.col(j), weight_gradient.col(j), gate_gradient);
  }

  Matrix<Scalar> expected_scaled(outputs, inputs);
  Matrix<Scalar> expected_weight_gradient = Matrix<Scalar>::Ones(outputs, inputs);
  Gates expected_gate_gradient = Gates::Ones(shape.first, shape.second);
  for (Index o = 0; o < outputs; ++o) {
    for (Index i = 0; i < inputs; ++i) {
      const Scalar gate = z.data()[gate_of(o, i)];
      expected_scaled(o, i) = weight(o, i) * gate;
      expected_weight_gradient(o, i) += upstream(o, i) * gate;
      expected_gate_gradient.data()[gate_of(o, i)] += upstream(o, i) * weight(o, i);
    }
  }
  CHECK(scaled.isApprox(expected_scaled));
  CHECK(weight_gradient.isApprox(expected_weight_gradient));
  CHECK(gate_gradient.isApprox(expected_gate_gradient));

  // An input may be called closed only if all its gates are 0.
  for (Index j = 0; j < inputs; ++j) {
    CHECK_FALSE(grouping.is_closed(j, z));
    for (Index o = 0; o < outputs; ++o) {
      Gates partly = Gates::Zero(shape.first, shape.second);
      partly.data()[gate_of(o, j)] = Scalar(1e-30);
      CHECK_FALSE(grouping.is_closed(j, partly));
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("A gate per weight", "[gates]", float, double) {
  check<TestType>(l0::PerWeight{}, {outputs, inputs}, [](Index o, Index i) { return o + outputs * i; });
}

TEMPLATE_TEST_CASE("A gate per input", "[gates]", float, double) {
  check<TestType>(l0::PerInput{}, {inputs, 1}, [](Index, Index i) { return i; });
}

TEMPLATE_TEST_CASE("A gate per output", "[gates]", float, double) {
  check<TestType>(l0::PerOutput{}, {outputs, 1}, [](Index o, Index) { return o; });
}

TEMPLATE_TEST_CASE("Groups of inputs", "[gates]", float, double) {
  const std::vector<Index> index{1, 0, 1, 2};
  check<TestType>(Groups(index), {3, 1}, [&](Index, Index i) { return index[static_cast<std::size_t>(i)]; });
  check<TestType>(Groups(index, 5), {5, 1}, [&](Index, Index i) { return index[static_cast<std::size_t>(i)]; });
}

TEMPLATE_TEST_CASE("Groups of weights, given row by row", "[gates]", float, double) {
  const std::vector<Index> index{0, 0, 1, 1, 2, 2, 0, 3, 3, 1, 2, 0};
  check<TestType>(Groups(index), {4, 1},
                  [&](Index o, Index i) { return index[static_cast<std::size_t>(o * inputs + i)]; });
}

TEST_CASE("Inputs whose gates are all 0 are closed", "[gates]") {
  Eigen::MatrixXd z = Eigen::MatrixXd::Ones(outputs, inputs);
  z.col(2).setZero();
  CHECK(l0::PerWeight{}.is_closed(2, z));
  CHECK_FALSE(l0::PerWeight{}.is_closed(1, z));

  const Eigen::Vector4d per_input(1, 0, 0.5, 0);
  CHECK(l0::PerInput{}.is_closed(1, per_input));
  CHECK_FALSE(l0::PerInput{}.is_closed(2, per_input));

  Groups groups({0, 1, 1, 0});
  groups.bind(outputs, inputs);
  const Eigen::Vector2d of_groups(0, 1);
  CHECK(groups.is_closed(0, of_groups));
  CHECK_FALSE(groups.is_closed(1, of_groups));
  CHECK(groups.is_closed(3, of_groups));
}

TEST_CASE("Groups are as many as the largest index says, or as given", "[gates]") {
  CHECK(Groups({0, 3, 1}).count() == 4);
  CHECK(Groups({0, 3, 1}, 7).count() == 7);
  CHECK(Groups(std::vector<Index>{}).count() == 0);
  CHECK(Groups({0, 3, 1}).index() == std::vector<Index>{0, 3, 1});
}

TEST_CASE("Unknown groups are refused", "[gates]") {
  CHECK_THROWS_MATCHES(Groups({0, -1, 2}), l0::Error, Message("l0: group index[1] is -1, expected a group in [0, 3)"));
  CHECK_THROWS_MATCHES(Groups({0, 1, 2}, 2), l0::Error, Message("l0: group index[2] is 2, expected a group in [0, 2)"));
}

TEST_CASE("Groups that do not fit the layer are refused, and stay as they were", "[gates]") {
  Groups groups({0, 1, 0, 1});
  groups.bind(outputs, inputs);
  CHECK_THROWS_MATCHES(groups.bind(3, 5), l0::Error,
                       Message("l0: group index is of size 4, expected 5 entries (one per input) or 15 (one per "
                               "weight)"));
  const Eigen::Vector2d z(0, 1);
  CHECK(groups.is_closed(2, z));
}

}  // namespace tests::gates::groupings
