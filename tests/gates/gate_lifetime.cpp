// SPDX-License-Identifier: MIT
// Gates that are copied, moved, assigned and swapped, and the handles on their log α.
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"

namespace {

using Catch::Matchers::Message;
using l0::HardConcreteGate;
using l0::Rng;
using l0::Vector;

static_assert(std::is_nothrow_move_constructible_v<HardConcreteGate<float>>, "or a growing vector copies");

}  // namespace

TEMPLATE_TEST_CASE("The handle of a gate", "[gates]", float, double) {
  HardConcreteGate<TestType, Eigen::Dynamic> gate(4, 3);
  const auto handles = gate.parameters();
  REQUIRE(handles.size() == 1);
  CHECK(handles[0].kind() == l0::ParameterKind::gate);
  CHECK(handles[0].name() == "log_alpha");
  CHECK(handles[0].rows() == 4);
  CHECK(handles[0].columns() == 3);
  handles[0].values()(5) = 2;
  CHECK(gate.log_alpha()(1, 1) == 2);
  gate.log_alpha_gradient()(1, 1) = 3;
  CHECK(handles[0].gradients()(5) == 3);
}

TEMPLATE_TEST_CASE("A copied gate draws what the original would have drawn, and is independent", "[gates]", float,
                   double) {
  const Rng rng(42);
  HardConcreteGate<TestType> gate(70, {.temperature = TestType(0.3), .stream = 4});
  gate.sample(rng);
  HardConcreteGate<TestType> copy(gate);
  CHECK(copy.values() == gate.values());
  CHECK(copy.temperature() == gate.temperature());
  CHECK(copy.stream() == 4);
  CHECK(copy.sample(rng) == gate.sample(rng));

  copy.backward(Vector<TestType>::Ones(70));  // the copy has the sample's state too
  CHECK(gate.log_alpha_gradient().isZero(0));
  copy.log_alpha().setConstant(9);
  CHECK(gate.log_alpha().isZero(0));
}

TEMPLATE_TEST_CASE("A gate moves with its handles, sample and all", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(70);
  const Vector<TestType> z = gate.sample(Rng(42));
  const auto handles = gate.parameters();
  HardConcreteGate<TestType> moved(std::move(gate));
  CHECK(moved.values() == z);
  moved.backward(Vector<TestType>::Ones(70));
  CHECK(handles[0].gradients() == moved.log_alpha_gradient());
  CHECK_FALSE(handles[0].gradients().isZero(0));
}

TEMPLATE_TEST_CASE("Handles survive a vector of gates that grows and shrinks", "[gates]", float, double) {
  std::vector<HardConcreteGate<TestType>> gates;
  gates.emplace_back(5);
  const auto handles = gates[0].parameters();
  for (int i = 0; i < 50; ++i) gates.emplace_back(5 + i);
  gates.resize(1, HardConcreteGate<TestType>(1));
  handles[0].values().setConstant(3);
  CHECK((gates[0].log_alpha().array() == 3).all());
}

TEMPLATE_TEST_CASE("A best gate kept aside and assigned back", "[gates]", float, double) {
  const Rng rng(42);
  HardConcreteGate<TestType> gate(70);
  l0::test::spread_log_alpha(gate.log_alpha());
  const auto handles = gate.parameters();
  gate.sample(rng);
  const HardConcreteGate<TestType> best = gate;
  gate.set_temperature(TestType(0.1));
  handles[0].values().setConstant(-4);
  gate.freeze();
  gate.sample(rng);

  SECTION("copied") { gate = best; }
  SECTION("moved") { gate = HardConcreteGate<TestType>(best); }

  CHECK(handles[0].values() == best.log_alpha());
  CHECK(gate.log_alpha() == best.log_alpha());
  CHECK(gate.temperature() == best.temperature());
  CHECK(gate.draw() == 1);
  CHECK_FALSE(gate.frozen());
  CHECK(gate.values() == best.values());
  handles[0].values().setConstant(1);
  CHECK((gate.log_alpha().array() == 1).all());
}

TEMPLATE_TEST_CASE("Assigning gates of another shape throws and changes nothing", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3, {.temperature = TestType(0.25), .stream = 1});
  const Vector<TestType> z = gate.sample(Rng(42));
  HardConcreteGate<TestType> other(4, {.temperature = TestType(0.75), .init_sparsity = TestType(0.9), .stream = 2});
  CHECK_THROWS_MATCHES(gate = other, l0::Error, Message("l0: the assigned model is 4x1, expected 3x1"));
  CHECK_THROWS_AS(gate = std::move(other), l0::Error);
  CHECK(gate.size() == 3);
  CHECK(gate.temperature() == TestType(0.25));
  CHECK(gate.stream() == 1);
  CHECK(gate.draw() == 1);
  CHECK(gate.log_alpha().isZero(0));
  CHECK(gate.values() == z);
  CHECK(other.size() == 4);
  CHECK(other.log_alpha().size() == 4);
}

TEMPLATE_TEST_CASE("log_alpha() of another shape throws and changes nothing", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.log_alpha() = Vector<TestType>::Ones(4), l0::Error,
                       Message("l0: the assigned matrix is 4x1, expected 3x1"));
  CHECK(gate.log_alpha().isZero(0));
  gate.log_alpha() = Vector<TestType>::Ones(3);
  CHECK(gate.log_alpha().isOnes(0));
}

TEMPLATE_TEST_CASE("A gate that was moved from accepts any shape", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3);
  const HardConcreteGate<TestType> taken(std::move(gate));
  gate = HardConcreteGate<TestType>(5);
  CHECK(gate.size() == 5);
  CHECK(gate.sample(Rng(1)).size() == 5);
  CHECK(taken.size() == 3);
}

TEMPLATE_TEST_CASE("Gates swap", "[gates]", float, double) {
  HardConcreteGate<TestType> first(3, {.init_sparsity = TestType(0.9)});
  const auto handles = first.parameters();
  const auto check = [&](HardConcreteGate<TestType> second) {
    const Vector<TestType> start = first.log_alpha();
    const auto size = second.size();
    std::swap(first, second);
    CHECK(first.size() == size);
    CHECK(first.log_alpha().isZero(0));
    CHECK(first.sample(Rng(1)).size() == size);
    CHECK(second.log_alpha() == start);
    CHECK(handles[0].values() == start);
    CHECK(handles[0].values().data() == second.log_alpha().data());
  };
  SECTION("of one size") { check(HardConcreteGate<TestType>(3)); }
  SECTION("of two sizes") { check(HardConcreteGate<TestType>(8)); }
}

TEMPLATE_TEST_CASE("A gate assigned to itself stays", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3, {.init_sparsity = TestType(0.9)});
  const Vector<TestType> z = gate.sample(Rng(1));
  const Vector<TestType> start = gate.log_alpha();
  HardConcreteGate<TestType>& alias = gate;
  gate = alias;
  CHECK(gate.log_alpha() == start);
  gate = std::move(alias);
  CHECK(gate.log_alpha() == start);
  CHECK(gate.values() == z);
}

TEMPLATE_TEST_CASE("A handle outlives its gate", "[gates]", float, double) {
  auto gate = std::make_unique<HardConcreteGate<TestType>>(3);
  const auto handles = gate->parameters();
  gate.reset();
  handles[0].values().setConstant(2);
  CHECK(handles[0].values().sum() == 6);
}
