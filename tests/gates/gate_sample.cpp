// SPDX-License-Identifier: MIT
// Arrays of gates: what `sample` gives, and what it depends on.
#include <random>

#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/simd_copies.hpp"

namespace tests::gates::gate_sample {

namespace {

using l0::Gate;
using l0::GivenNoise;
using l0::Index;
using l0::Matrix;
using l0::Rng;
using l0::Vector;

template <class Scalar>
constexpr Scalar rounding = 32 * std::numeric_limits<Scalar>::epsilon();

}  // namespace

TEMPLATE_TEST_CASE("Each gate takes the value that the distribution has at its noise", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  for (const Index size : {0, 1, 63, 64, 65, 1000}) {
    CAPTURE(size);
    Gate<TestType> gate(size);
    l0::test::spread_locations(gate);
    const Vector<Scalar> log_alpha = gate.location();
    const auto u = l0::test::noise_away_from_clamps(log_alpha, gate.distribution());
    const Vector<Scalar>& z = gate.sample(GivenNoise<Scalar>(u));
    REQUIRE(z.size() == size);
    CHECK(&z == &gate.values());
    Vector<Scalar> expected(size);
    for (Index i = 0; i < size; ++i) expected(i) = gate.distribution().sample(u(i), log_alpha(i));
    CHECK(z.isApprox(expected, rounding<Scalar>));
    if (size >= 63) {
      CHECK((z.array() == 0).any());
      CHECK((z.array() == 1).any());
      CHECK((z.array() > 0 && z.array() < 1).any());
    }
  }
}

TEMPLATE_TEST_CASE("A matrix of gates reads noise by row and column", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType, Eigen::Dynamic> gate(5, 13);
  CHECK(gate.rows() == 5);
  CHECK(gate.columns() == 13);
  CHECK(gate.size() == 65);
  const Matrix<Scalar> log_alpha = gate.location();
  const auto u = l0::test::noise_away_from_clamps(log_alpha, gate.distribution());
  const Matrix<Scalar>& z = gate.sample(GivenNoise<Scalar>(u));
  REQUIRE(z.rows() == 5);
  REQUIRE(z.cols() == 13);
  for (Index i = 0; i < 5; ++i) {
    for (Index j = 0; j < 13; ++j) {
      CHECK(std::abs(z(i, j) - gate.distribution().sample(u(i, j), log_alpha(i, j))) <= rounding<Scalar>);
    }
  }
}

TEMPLATE_TEST_CASE("Gates start at the given sparsity, shared or one per gate", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const Gate<TestType> shared(3, {.init_sparsity = Scalar(0.9)});
  const auto& d = shared.distribution();
  for (Index i = 0; i < 3; ++i) CHECK(shared.location()(i) == d.initial_location(Scalar(0.9)));

  Vector<Scalar> sparsity(3);
  sparsity << Scalar(0.2), Scalar(0.5), Scalar(0.99);
  const Gate<TestType> own(sparsity, {.temperature = Scalar(0.7)});
  CHECK(own.temperature() == Scalar(0.7));
  for (Index i = 0; i < 3; ++i) {
    CHECK(own.location()(i) == own.distribution().initial_location(sparsity(i)));
    // What a location starts from: the share of gates below one half.
    CHECK(own.distribution().cdf(Scalar(0.5), own.location()(i)) == Approx(sparsity(i)).epsilon(1e-5));
  }

  const Gate<TestType, Eigen::Dynamic> matrix(Matrix<Scalar>::Constant(2, 4, Scalar(0.25)));
  CHECK(matrix.rows() == 2);
  CHECK(matrix.columns() == 4);
  CHECK(matrix.location()(1, 3) == d.initial_location(Scalar(0.25)));
}

TEMPLATE_TEST_CASE("Draws follow from seed, stream and draw number alone", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Rng rng(42);
  Gate<TestType> gate(200, {.stream = 5});
  CHECK(gate.stream() == 5);
  CHECK(gate.draw() == 0);
  const Vector<Scalar> first = gate.sample(rng);
  CHECK(gate.draw() == 1);
  const Vector<Scalar> second = gate.sample(rng);
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
    Gate<TestType> same(200, {.stream = 5});
    Gate<TestType> other(77, {.stream = 6});
    l0::HardConcreteGate<float> third(10, {.stream = 7});
    other.sample(rng);
    third.sample(rng);
    rng();
    CHECK(same.sample(rng) == first);
    other.sample(rng);
    CHECK(same.sample(Rng(42)) == second);
  }
  SECTION("another seed or stream draws otherwise") {
    Gate<TestType> same(200, {.stream = 5});
    CHECK(same.sample(Rng(43)) != first);
    Gate<TestType> neighbour(200, {.stream = 6});
    CHECK(neighbour.sample(rng) != first);
  }
  SECTION("a larger array begins like a smaller one") {
    Gate<TestType> larger(500, {.stream = 5});
    CHECK(larger.sample(rng).head(200) == first);
  }
}

TEMPLATE_TEST_CASE("A matrix of gates draws as a vector of the same size does", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const Rng rng(42);
  Gate<TestType, Eigen::Dynamic> matrix(7, 11);
  Gate<TestType> vector(77);
  const Matrix<Scalar>& z = matrix.sample(rng);
  CHECK(Eigen::Map<const Vector<Scalar>>(z.data(), 77) == vector.sample(rng));
}

TEMPLATE_TEST_CASE("A standard generator gives the gates its numbers in order", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  std::mt19937 generator(1);
  std::mt19937 reference(1);
  Gate<TestType> gate(130);
  Gate<TestType> given(130);
  for (int draw = 0; draw < 3; ++draw) {
    Vector<Scalar> u(130);
    for (Scalar& value : u) value = std::uniform_real_distribution<Scalar>()(reference);
    CHECK(gate.sample(generator) == given.sample(GivenNoise<Scalar>(u)));
  }
}

TEMPLATE_TEST_CASE("The temperature holds from the next sample on", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(65);
  l0::test::spread_locations(gate);
  const Vector<Scalar> u = Vector<Scalar>::LinSpaced(65, Scalar(0.1), Scalar(0.9));
  const Vector<Scalar> warm = gate.sample(GivenNoise<Scalar>(u));
  gate.set_temperature(Scalar(0.1));
  CHECK(gate.temperature() == Scalar(0.1));
  CHECK(gate.values() == warm);
  const Vector<Scalar>& cold = gate.sample(GivenNoise<Scalar>(u));
  for (Index i = 0; i < 65; ++i) {
    CHECK(std::abs(cold(i) - gate.distribution().sample(u(i), gate.location()(i))) <= 10 * rounding<Scalar>);
  }
}

TEMPLATE_TEST_CASE("jitter adds N(0, deviation^2), the same for the same seed and stream", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const Rng rng(42);
  Gate<TestType> gate(10000, {.init_sparsity = Scalar(0.25), .stream = 2});
  const Scalar start = gate.location()(0);
  Gate<TestType> same(gate);
  Gate<TestType> other(10000, {.init_sparsity = Scalar(0.25), .stream = 3});
  gate.jitter(rng, Scalar(0.01));
  same.jitter(rng, Scalar(0.01));
  other.jitter(rng, Scalar(0.01));
  CHECK(gate.location() == same.location());
  CHECK(gate.location() != other.location());
  CHECK(gate.draw() == 0);
  const auto moved = (gate.location().array() - start).template cast<double>().eval();
  CHECK(std::abs(moved.mean()) <= 5 * 0.01 / 100);
  CHECK(std::sqrt(moved.square().mean()) == Approx(0.01).epsilon(5 / std::sqrt(2 * 10000.0)));
  gate.jitter(rng, 0);
  CHECK(gate.location() == same.location());
}

TEMPLATE_TEST_CASE("All copies of the kernels agree", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  constexpr Index size = 131;
  const auto formulas = TestType{}.formulas();
  Gate<TestType> gate(size);
  l0::test::spread_locations(gate, 4);
  const Vector<Scalar> location = gate.location();
  const Vector<Scalar> upstream = Vector<Scalar>::LinSpaced(size, -1, 1);
  const auto uniforms = Rng(3).uniforms({1, 2, size, 1});
  using Source = l0::detail::ThreefryUniforms;
  using Formulas = std::remove_const_t<decltype(formulas)>;

  Vector<Scalar> z(size);
  l0::detail::SampleGates::run(formulas, uniforms, location.data(), z.data(), size);
  l0::test::for_each_copy<l0::detail::SampleGates>([&](const char* name, auto run) {
    CAPTURE(name);
    Vector<Scalar> copy(size);
    run(Formulas(formulas), Source(uniforms), location.data(), copy.data(), size);
    CHECK((copy - z).cwiseAbs().maxCoeff() <= rounding<Scalar>);
  });
  Vector<Scalar> gradient = Vector<Scalar>::Zero(size);
  l0::detail::BackpropagateGates::run(formulas, location.data(), std::as_const(z).data(), upstream.data(),
                                      gradient.data(), size);
  l0::test::for_each_copy<l0::detail::BackpropagateGates>([&](const char* name, auto run) {
    CAPTURE(name);
    Vector<Scalar> copy = Vector<Scalar>::Zero(size);
    run(Formulas(formulas), location.data(), std::as_const(z).data(), upstream.data(), copy.data(), size);
    CHECK((copy - gradient).cwiseAbs().maxCoeff() <= rounding<Scalar>);
  });
  const double price =
      l0::detail::PriceGates::run(formulas, location.data(), Scalar(0), static_cast<Scalar*>(nullptr), size);
  l0::test::for_each_copy<l0::detail::PriceGates>([&](const char* name, auto run) {
    CAPTURE(name);
    const double copy = run(Formulas(formulas), location.data(), Scalar(0), static_cast<Scalar*>(nullptr), size);
    CHECK(std::abs(copy - price) <= double(rounding<Scalar>) * price);
  });
}

}  // namespace tests::gates::gate_sample
