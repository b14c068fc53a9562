// SPDX-License-Identifier: MIT
// Gates that are copied, moved, assigned and swapped, and the handles on their log α.
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"

namespace tests::gates::gate_lifetime {

namespace {

using Catch::Matchers::Message;
using l0::Gate;
using l0::Rng;
using l0::Vector;

static_assert(std::is_nothrow_move_constructible_v<l0::HardConcreteGate<float>>, "or a growing vector copies");

}  // namespace

TEMPLATE_TEST_CASE("The handle of a gate", "[gates]", L0_TEST_DISTRIBUTIONS) {
  Gate<TestType, Eigen::Dynamic> gate(4, 3);
  const auto handles = gate.parameters();
  REQUIRE(handles.size() == 1);
  CHECK(handles[0].kind() == l0::ParameterKind::gate);
  CHECK(handles[0].name() == TestType::location_name);
  CHECK(handles[0].rows() == 4);
  CHECK(handles[0].columns() == 3);
  CHECK(handles[0].bound() == 20);
  handles[0].values()(5) = 2;
  CHECK(gate.location()(1, 1) == 2);
  gate.location_gradient()(1, 1) = 3;
  CHECK(handles[0].gradients()(5) == 3);
}

TEMPLATE_TEST_CASE("A copied gate draws what the original would have drawn, and is independent", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const Rng rng(42);
  Gate<TestType> gate(70, {.temperature = Scalar(0.3), .stream = 4});
  gate.sample(rng);
  Gate<TestType> copy(gate);
  CHECK(copy.values() == gate.values());
  CHECK(copy.temperature() == gate.temperature());
  CHECK(copy.stream() == 4);
  CHECK(copy.sample(rng) == gate.sample(rng));

  copy.backward(Vector<Scalar>::Ones(70));  // the copy has the sample's state too
  CHECK(gate.location_gradient().isZero(0));
  copy.location().setConstant(9);
  CHECK(l0::test::is_at_start(gate));
}

TEMPLATE_TEST_CASE("A gate moves with its handles, sample and all", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(70);
  const Vector<Scalar> z = gate.sample(Rng(42));
  const auto handles = gate.parameters();
  Gate<TestType> moved(std::move(gate));
  CHECK(moved.values() == z);
  moved.backward(Vector<Scalar>::Ones(70));
  CHECK(handles[0].gradients() == moved.location_gradient());
  CHECK_FALSE(handles[0].gradients().isZero(0));
}

TEMPLATE_TEST_CASE("Handles survive a vector of gates that grows and shrinks", "[gates]", L0_TEST_DISTRIBUTIONS) {
  std::vector<Gate<TestType>> gates;
  gates.emplace_back(5);
  const auto handles = gates[0].parameters();
  for (int i = 0; i < 50; ++i) gates.emplace_back(5 + i);
  gates.resize(1, Gate<TestType>(1));
  handles[0].values().setConstant(3);
  CHECK((gates[0].location().array() == 3).all());
}

TEMPLATE_TEST_CASE("A best gate kept aside and assigned back", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const Rng rng(42);
  Gate<TestType> gate(70);
  l0::test::spread_locations(gate);
  const auto handles = gate.parameters();
  gate.sample(rng);
  const Gate<TestType> best = gate;
  gate.set_temperature(Scalar(0.1));
  handles[0].values().setConstant(-4);
  gate.freeze();
  gate.sample(rng);

  SECTION("copied") { gate = best; }
  SECTION("moved") { gate = Gate<TestType>(best); }

  CHECK(handles[0].values() == best.location());
  CHECK(gate.location() == best.location());
  CHECK(gate.temperature() == best.temperature());
  CHECK(gate.draw() == 1);
  CHECK_FALSE(gate.frozen());
  CHECK(gate.values() == best.values());
  handles[0].values().setConstant(1);
  CHECK((gate.location().array() == 1).all());
}

TEMPLATE_TEST_CASE("Assigning gates of another shape throws and changes nothing", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(3, {.temperature = Scalar(0.25), .stream = 1});
  const Vector<Scalar> z = gate.sample(Rng(42));
  Gate<TestType> other(4, {.temperature = Scalar(0.75), .init_sparsity = Scalar(0.9), .stream = 2});
  CHECK_THROWS_MATCHES(gate = other, l0::Error, Message("l0: the assigned model is 4x1, expected 3x1"));
  CHECK_THROWS_AS(gate = std::move(other), l0::Error);
  CHECK(gate.size() == 3);
  CHECK(gate.temperature() == Scalar(0.25));
  CHECK(gate.stream() == 1);
  CHECK(gate.draw() == 1);
  CHECK(l0::test::is_at_start(gate));
  CHECK(gate.values() == z);
  CHECK(other.size() == 4);
  CHECK(other.location().size() == 4);
}

TEMPLATE_TEST_CASE("log_alpha() of another shape throws and changes nothing", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.location() = Vector<Scalar>::Ones(4), l0::Error,
                       Message("l0: the assigned matrix is 4x1, expected 3x1"));
  CHECK(l0::test::is_at_start(gate));
  gate.location() = Vector<Scalar>::Ones(3);
  CHECK(gate.location().isOnes(0));
}

TEMPLATE_TEST_CASE("A gate that was moved from accepts any shape", "[gates]", L0_TEST_DISTRIBUTIONS) {
  Gate<TestType> gate(3);
  const Gate<TestType> taken(std::move(gate));
  gate = Gate<TestType>(5);
  CHECK(gate.size() == 5);
  CHECK(gate.sample(Rng(1)).size() == 5);
  CHECK(taken.size() == 3);
}

TEMPLATE_TEST_CASE("Gates swap", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> first(3, {.init_sparsity = Scalar(0.9)});
  const auto handles = first.parameters();
  const auto check = [&](Gate<TestType> second) {
    const Vector<Scalar> start = first.location();
    const auto size = second.size();
    std::swap(first, second);
    CHECK(first.size() == size);
    CHECK(l0::test::is_at_start(first));
    CHECK(first.sample(Rng(1)).size() == size);
    CHECK(second.location() == start);
    CHECK(handles[0].values() == start);
    CHECK(handles[0].values().data() == second.location().data());
  };
  SECTION("of one size") { check(Gate<TestType>(3)); }
  SECTION("of two sizes") { check(Gate<TestType>(8)); }
}

TEMPLATE_TEST_CASE("A gate assigned to itself stays", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(3, {.init_sparsity = Scalar(0.9)});
  const Vector<Scalar> z = gate.sample(Rng(1));
  const Vector<Scalar> start = gate.location();
  Gate<TestType>& alias = gate;
  gate = alias;
  CHECK(gate.location() == start);
  gate = std::move(alias);
  CHECK(gate.location() == start);
  CHECK(gate.values() == z);
}

TEMPLATE_TEST_CASE("A handle outlives its gate", "[gates]", L0_TEST_DISTRIBUTIONS) {
  auto gate = std::make_unique<Gate<TestType>>(3);
  const auto handles = gate->parameters();
  gate.reset();
  handles[0].values().setConstant(2);
  CHECK(handles[0].values().sum() == 6);
}

}  // namespace tests::gates::gate_lifetime
