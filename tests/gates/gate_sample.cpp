// SPDX-License-Identifier: MIT
// Arrays of gates: what `sample` gives, and what it depends on.
#include <random>

#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/simd_copies.hpp"

namespace {

using l0::GivenNoise;
using l0::HardConcreteGate;
using l0::Index;
using l0::Matrix;
using l0::Rng;
using l0::Vector;

template <class Scalar>
constexpr Scalar rounding = 32 * std::numeric_limits<Scalar>::epsilon();

}  // namespace

TEMPLATE_TEST_CASE("Each gate takes the value that the distribution has at its noise", "[gates]", float, double) {
  for (const Index size : {0, 1, 63, 64, 65, 1000}) {
    CAPTURE(size);
    HardConcreteGate<TestType> gate(size);
    l0::test::spread_log_alpha(gate.log_alpha());
    const Vector<TestType> log_alpha = gate.log_alpha();
    const auto u = l0::test::noise_away_from_clamps(log_alpha, gate.distribution());
    const Vector<TestType>& z = gate.sample(GivenNoise<TestType>(u));
    REQUIRE(z.size() == size);
    CHECK(&z == &gate.values());
    Vector<TestType> expected(size);
    for (Index i = 0; i < size; ++i) expected(i) = gate.distribution().sample(u(i), log_alpha(i));
    CHECK(z.isApprox(expected, rounding<TestType>));
    if (size >= 63) {
      CHECK((z.array() == 0).any());
      CHECK((z.array() == 1).any());
      CHECK((z.array() > 0 && z.array() < 1).any());
    }
  }
}

TEMPLATE_TEST_CASE("A matrix of gates reads noise by row and column", "[gates]", float, double) {
  HardConcreteGate<TestType, Eigen::Dynamic> gate(5, 13);
  CHECK(gate.rows() == 5);
  CHECK(gate.columns() == 13);
  CHECK(gate.size() == 65);
  const Matrix<TestType> log_alpha = gate.log_alpha();
  const auto u = l0::test::noise_away_from_clamps(log_alpha, gate.distribution());
  const Matrix<TestType>& z = gate.sample(GivenNoise<TestType>(u));
  REQUIRE(z.rows() == 5);
  REQUIRE(z.cols() == 13);
  for (Index i = 0; i < 5; ++i) {
    for (Index j = 0; j < 13; ++j) {
      CHECK(std::abs(z(i, j) - gate.distribution().sample(u(i, j), log_alpha(i, j))) <= rounding<TestType>);
    }
  }
}

TEMPLATE_TEST_CASE("Gates start at the given sparsity, shared or one per gate", "[gates]", float, double) {
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  const HardConcreteGate<TestType> shared(3, {.init_sparsity = TestType(0.9)});
  for (Index i = 0; i < 3; ++i) CHECK(shared.log_alpha()(i) == Approx(logit(0.1)));

  Vector<TestType> sparsity(3);
  sparsity << TestType(0.2), TestType(0.5), TestType(0.99);
  const HardConcreteGate<TestType> own(sparsity, {.temperature = TestType(0.7)});
  CHECK(own.temperature() == TestType(0.7));
  for (Index i = 0; i < 3; ++i) CHECK(own.log_alpha()(i) == Approx(logit(1 - double(sparsity(i)))).margin(1e-6));

  const HardConcreteGate<TestType, Eigen::Dynamic> matrix(Matrix<TestType>::Constant(2, 4, TestType(0.25)));
  CHECK(matrix.rows() == 2);
  CHECK(matrix.columns() == 4);
  CHECK(matrix.log_alpha()(1, 3) == Approx(logit(0.75)));
}

TEMPLATE_TEST_CASE("Draws follow from seed, stream and draw number alone", "[gates]", float, double) {
  Rng rng(42);
  HardConcreteGate<TestType> gate(200, {.stream = 5});
  CHECK(gate.stream() == 5);
  CHECK(gate.draw() == 0);
  const Vector<TestType> first = gate.sample(rng);
  CHECK(gate.draw() == 1);
  const Vector<TestType> second = gate.sample(rng);
  CHECK(gate.draw() == 2);
  CHECK(first != second);

  SECTION("repeated by set_draw") {
    gate.set_draw(0);
    CHECK(gate.sample(rng) == first);
    CHECK(gate.sample(rng) == second);
    gate.set_draw(1);
    CHECK(gate.sample(rng) == second);
  }
  SECTION("whatever other gates ask in between") {
    HardConcreteGate<TestType> same(200, {.stream = 5});
    HardConcreteGate<TestType> other(77, {.stream = 6});
    HardConcreteGate<float> third(10, {.stream = 7});
    other.sample(rng);
    third.sample(rng);
    rng();
    CHECK(same.sample(rng) == first);
    other.sample(rng);
    CHECK(same.sample(Rng(42)) == second);
  }
  SECTION("another seed or stream draws otherwise") {
    HardConcreteGate<TestType> same(200, {.stream = 5});
    CHECK(same.sample(Rng(43)) != first);
    HardConcreteGate<TestType> neighbour(200, {.stream = 6});
    CHECK(neighbour.sample(rng) != first);
  }
  SECTION("a larger array begins like a smaller one") {
    HardConcreteGate<TestType> larger(500, {.stream = 5});
    CHECK(larger.sample(rng).head(200) == first);
  }
}

TEMPLATE_TEST_CASE("A matrix of gates draws as a vector of the same size does", "[gates]", float, double) {
  const Rng rng(42);
  HardConcreteGate<TestType, Eigen::Dynamic> matrix(7, 11);
  HardConcreteGate<TestType> vector(77);
  const Matrix<TestType>& z = matrix.sample(rng);
  CHECK(Eigen::Map<const Vector<TestType>>(z.data(), 77) == vector.sample(rng));
}

TEMPLATE_TEST_CASE("A standard generator gives the gates its numbers in order", "[gates]", float, double) {
  std::mt19937 generator(1);
  std::mt19937 reference(1);
  HardConcreteGate<TestType> gate(130);
  HardConcreteGate<TestType> given(130);
  for (int draw = 0; draw < 3; ++draw) {
    Vector<TestType> u(130);
    for (TestType& value : u) value = std::uniform_real_distribution<TestType>()(reference);
    CHECK(gate.sample(generator) == given.sample(GivenNoise<TestType>(u)));
  }
}

TEMPLATE_TEST_CASE("The temperature holds from the next sample on", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(65);
  l0::test::spread_log_alpha(gate.log_alpha());
  const Vector<TestType> u = Vector<TestType>::LinSpaced(65, TestType(0.1), TestType(0.9));
  const Vector<TestType> warm = gate.sample(GivenNoise<TestType>(u));
  gate.set_temperature(TestType(0.1));
  CHECK(gate.temperature() == TestType(0.1));
  CHECK(gate.values() == warm);
  const Vector<TestType>& cold = gate.sample(GivenNoise<TestType>(u));
  for (Index i = 0; i < 65; ++i) {
    CHECK(std::abs(cold(i) - gate.distribution().sample(u(i), gate.log_alpha()(i))) <= 10 * rounding<TestType>);
  }
}

TEMPLATE_TEST_CASE("jitter adds N(0, deviation^2), the same for the same seed and stream", "[gates]", float, double) {
  const Rng rng(42);
  HardConcreteGate<TestType> gate(10000, {.init_sparsity = TestType(0.25), .stream = 2});
  const TestType start = gate.log_alpha()(0);
  HardConcreteGate<TestType> same(gate);
  HardConcreteGate<TestType> other(10000, {.init_sparsity = TestType(0.25), .stream = 3});
  gate.jitter(rng, TestType(0.01));
  same.jitter(rng, TestType(0.01));
  other.jitter(rng, TestType(0.01));
  CHECK(gate.log_alpha() == same.log_alpha());
  CHECK(gate.log_alpha() != other.log_alpha());
  CHECK(gate.draw() == 0);
  const auto moved = (gate.log_alpha().array() - start).template cast<double>().eval();
  CHECK(std::abs(moved.mean()) <= 5 * 0.01 / 100);
  CHECK(std::sqrt(moved.square().mean()) == Approx(0.01).epsilon(5 / std::sqrt(2 * 10000.0)));
  gate.jitter(rng, 0);
  CHECK(gate.log_alpha() == same.log_alpha());
}

TEMPLATE_TEST_CASE("All copies of the kernels agree", "[gates]", float, double) {
  constexpr Index size = 131;
  const auto formulas = l0::HardConcrete<TestType>{}.formulas();
  Vector<TestType> log_alpha(size);
  l0::test::spread_log_alpha(log_alpha, 4);
  const Vector<TestType> upstream = Vector<TestType>::LinSpaced(size, -1, 1);
  const auto uniforms = Rng(3).uniforms({1, 2, size, 1});
  using Source = l0::detail::ThreefryUniforms;
  using Formulas = l0::detail::HardConcreteFormulas<TestType>;

  Vector<TestType> z(size);
  l0::detail::SampleGates::run(formulas, uniforms, std::as_const(log_alpha).data(), z.data(), size);
  l0::test::for_each_copy<l0::detail::SampleGates>([&](const char* name, auto run) {
    CAPTURE(name);
    Vector<TestType> copy(size);
    run(Formulas(formulas), Source(uniforms), std::as_const(log_alpha).data(), copy.data(), size);
    CHECK((copy - z).cwiseAbs().maxCoeff() <= rounding<TestType>);
  });
  Vector<TestType> gradient = Vector<TestType>::Zero(size);
  l0::detail::BackpropagateGates::run(formulas, std::as_const(log_alpha).data(), std::as_const(z).data(),
                                      upstream.data(), gradient.data(), size);
  l0::test::for_each_copy<l0::detail::BackpropagateGates>([&](const char* name, auto run) {
    CAPTURE(name);
    Vector<TestType> copy = Vector<TestType>::Zero(size);
    run(Formulas(formulas), std::as_const(log_alpha).data(), std::as_const(z).data(), upstream.data(), copy.data(),
        size);
    CHECK((copy - gradient).cwiseAbs().maxCoeff() <= rounding<TestType>);
  });
  const double price = l0::detail::PriceGates::run(formulas, std::as_const(log_alpha).data(), TestType(0),
                                                   static_cast<TestType*>(nullptr), size);
  l0::test::for_each_copy<l0::detail::PriceGates>([&](const char* name, auto run) {
    CAPTURE(name);
    const double copy =
        run(Formulas(formulas), std::as_const(log_alpha).data(), TestType(0), static_cast<TestType*>(nullptr), size);
    CHECK(std::abs(copy - price) <= double(rounding<TestType>) * price);
  });
}
