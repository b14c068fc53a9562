// SPDX-License-Identifier: MIT
// What copies, moves and assignments do to a layer and to the handles on its parameters.
#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace tests::layers::ownership {

namespace {

using l0::Index;
using l0::Matrix;
using Layer = l0::L0Linear<double>;
using Catch::Matchers::Message;

struct Fixture {
  l0::Rng rng{5};
  Layer layer{4, 3, rng};
  Matrix<double> X = l0::test::fixed_numbers(6, 4, 1);
  Matrix<double> upstream = l0::test::fixed_numbers(6, 3, 2);
};

/// The handles point at the parameters of this layer.
void check_handles(const l0::Parameters<double>& handles, Layer& layer) {
  REQUIRE(handles.size() == 3);
  CHECK(handles[0].values().data() == layer.weight().data());
  CHECK(handles[0].gradients().data() == layer.weight_gradient().data());
  CHECK(handles[1].values().data() == layer.bias().data());
  CHECK(handles[2].values().data() == layer.log_alpha().data());
  CHECK(handles[2].gradients().data() == layer.log_alpha_gradient().data());
}

struct Snapshot {
  explicit Snapshot(const auto& layer)
      : weight(layer.weight()), bias(layer.bias()), log_alpha(layer.log_alpha()), has_bias(layer.has_bias()),
        temperature(layer.temperature()) {}
  bool operator==(const Snapshot& other) const {
    return weight == other.weight && bias.size() == other.bias.size() && bias == other.bias &&
           log_alpha == other.log_alpha && has_bias == other.has_bias && temperature == other.temperature;
  }

  Matrix<double> weight;
  Matrix<double> bias;
  Matrix<double> log_alpha;
  bool has_bias;
  double temperature;
};

}  // namespace

static_assert(std::is_nothrow_move_constructible_v<Layer>);  // or a growing vector would copy

TEST_CASE_METHOD(Fixture, "A copied layer is its own") {
  layer.forward(X, rng);
  Layer copy = layer;
  CHECK(Snapshot(copy) == Snapshot(layer));
  copy.weight().setZero();
  copy.weight_gradient().setOnes();
  CHECK_FALSE(layer.weight().isZero());
  CHECK(layer.weight_gradient().isZero(0));
  // The batch stays with the layer that saw it.
  CHECK_THROWS_AS(copy.backward(upstream), l0::Error);
  layer.backward(upstream);
  CHECK_FALSE(layer.weight_gradient().isZero());
}

TEST_CASE_METHOD(Fixture, "A copied layer draws what the original would have drawn") {
  layer.forward(X, rng);
  Layer copy = layer;
  l0::Rng same_seed(5);
  CHECK(copy.forward(X, same_seed) == layer.forward(X, rng));
}

TEST_CASE_METHOD(Fixture, "Handles follow a moved layer") {
  const auto handles = layer.parameters();
  Layer moved = std::move(layer);
  check_handles(handles, moved);
}

TEST_CASE_METHOD(Fixture, "Handles keep the parameters of a layer that is gone") {
  std::optional<Layer> short_lived(layer);
  short_lived->weight().setConstant(3);
  const auto handles = short_lived->parameters();
  short_lived.reset();
  CHECK(handles[0].values().isConstant(3));
  handles[0].values().setZero();
}

TEMPLATE_TEST_CASE("A layer may be moved between forward and backward", "[move]", l0::test::DenseColumns<double>,
                   l0::test::Expression, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::SparseExpression<double, Eigen::ColMajor>),
                   (l0::test::SparseExpression<double, Eigen::RowMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor, std::int64_t>)) {
  Fixture f;
  TestType batch;
  auto first = std::make_unique<Layer>(f.layer);
  batch.forward(*first, f.X, f.rng);
  Matrix<double> expected_X;
  first->backward(f.upstream, expected_X);
  const Matrix<double> expected = first->weight_gradient();
  first->weight_gradient().setZero();
  Layer moved = std::move(*first);
  first.reset();
  std::vector<Matrix<double>> others;  // take the memory that is free now
  for (Index size = 1; size < 60; ++size) others.insert(others.end(), 3, Matrix<double>::Constant(size, 1, 99));
  Matrix<double> grad_X;
  moved.backward(f.upstream, grad_X);
  CHECK(moved.weight_gradient() == expected);
  CHECK(grad_X == expected_X);
}

TEST_CASE_METHOD(Fixture, "A vector of layers may grow while an optimizer holds handles") {
  std::vector<Layer> layers;
  layers.emplace_back(4, 3, rng);
  const auto handles = layers[0].parameters();
  for (int k = 0; k < 10; ++k) layers.emplace_back(4, 3, rng);
  check_handles(handles, layers[0]);
}

TEST_CASE_METHOD(Fixture, "A best copy assigned back is written into the storage that the optimizer has") {
  const Matrix<double> y = Matrix<double>::Constant(6, 3, 0.5);
  l0::Adam<double> optimizer(layer.parameters(), {.learning_rate = 0.05});
  const auto handles = layer.parameters();
  const auto train = [&] {
    optimizer.zero_grad();
    layer.backward(l0::mse_loss(layer.forward(X, rng), y).gradient);
    optimizer.step();
  };
  for (int k = 0; k < 5; ++k) train();
  const Layer best = layer;
  for (int k = 0; k < 5; ++k) train();
  CHECK_FALSE(Snapshot(layer) == Snapshot(best));

  layer = best;
  check_handles(handles, layer);
  CHECK(Snapshot(layer) == Snapshot(best));
  CHECK_THROWS_AS(layer.backward(upstream), l0::Error);  // its batch was another layer's
  train();
  CHECK_FALSE(layer.weight() == best.weight());
  CHECK_FALSE(layer.log_alpha() == best.log_alpha());

  layer = Layer(best);  // the same by move
  check_handles(handles, layer);
  CHECK(Snapshot(layer) == Snapshot(best));
  train();
  CHECK_FALSE(layer.weight() == best.weight());

  const Layer& itself = layer;
  const Snapshot before(layer);
  layer = itself;
  CHECK(Snapshot(layer) == before);
}

TEST_CASE_METHOD(Fixture, "A layer that was moved from may be assigned to") {
  const Snapshot before(layer);
  Layer other = std::move(layer);
  layer = other;
  CHECK(Snapshot(layer) == before);
  CHECK(layer.weight().data() != other.weight().data());
  CHECK(layer.forward(X, rng).rows() == 6);
}

TEST_CASE_METHOD(Fixture, "A layer that was moved from has no batch to go back from") {
  layer.forward(X, rng);
  Layer other = std::move(layer);
  CHECK_NOTHROW(other.backward(upstream));
  CHECK_THROWS_MATCHES(layer.backward(upstream), l0::Error,  // NOLINT(bugprone-use-after-move)
                       Message("l0: backward is called before forward, expected a call of forward first"));
}

TEST_CASE_METHOD(Fixture, "A layer moved into one that was moved from takes the handles along") {
  const auto handles = layer.parameters();
  const Snapshot before(layer);
  Layer other = std::move(layer);
  layer = std::move(other);
  CHECK(Snapshot(layer) == before);
  check_handles(handles, layer);
  CHECK(layer.forward(X, rng).rows() == 6);
  other = Layer(5, 2, rng, {.bias = false});  // of any shape
  CHECK(other.inputs() == 5);
  CHECK_FALSE(other.has_bias());
  CHECK(other.forward(Matrix<double>::Ones(3, 5), rng).cols() == 2);
}

TEST_CASE_METHOD(Fixture, "Assigning a layer of another shape is refused and changes nothing") {
  const auto handles = layer.parameters();
  const Snapshot before(layer);
  const auto check_refused = [&](const Layer& other, const char* message) {
    CHECK_THROWS_MATCHES(layer = other, l0::Error, Message(message));
    CHECK_THROWS_AS(layer = Layer(other), l0::Error);
    CHECK(Snapshot(layer) == before);
    check_handles(handles, layer);
    CHECK(layer.forward(X, rng).cols() == 3);
  };
  check_refused(Layer(5, 3, rng), "l0: the assigned model is 3x5, expected 3x4");
  check_refused(Layer(4, 2, rng), "l0: the assigned model is 2x4, expected 3x4");
}

TEST_CASE_METHOD(Fixture, "Assigning a layer with another bias is refused and changes nothing") {
  const Snapshot before(layer);
  const Layer without_bias(4, 3, rng, {.bias = false});
  CHECK_THROWS_MATCHES(layer = without_bias, l0::Error,
                       Message("l0: the bias of the assigned model is 0x1, expected 3x1"));
  CHECK(Snapshot(layer) == before);
  CHECK(layer.forward(X, rng).cols() == 3);

  Layer plain = without_bias;
  const Snapshot plain_before(plain);
  CHECK_THROWS_AS(plain = layer, l0::Error);
  CHECK(Snapshot(plain) == plain_before);
  CHECK(plain.forward(X, rng).cols() == 3);
}

TEST_CASE_METHOD(Fixture, "Assigning a layer with another number of gates is refused and changes nothing") {
  using Grouped = l0::L0Linear<double, l0::Groups>;
  Grouped of_two(4, 3, rng, l0::Groups({0, 1, 0, 1}));
  const Grouped of_three(4, 3, rng, l0::Groups({0, 1, 2, 2}));
  const Snapshot before(of_two);
  CHECK_THROWS_MATCHES(of_two = of_three, l0::Error,
                       Message("l0: the gate array of the assigned model is 3x1, expected 2x1"));
  CHECK(Snapshot(of_two) == before);
  CHECK(of_two.grouping().count() == 2);
  CHECK(of_two.forward(X, rng).cols() == 3);
}

TEST_CASE_METHOD(Fixture, "Assigning a matrix of another shape to a parameter is refused and changes nothing") {
  const Snapshot before(layer);
  CHECK_THROWS_MATCHES(layer.weight() = Matrix<double>::Zero(4, 3), l0::Error,
                       Message("l0: the assigned matrix is 4x3, expected 3x4"));
  CHECK_THROWS_AS(layer.bias() = Eigen::VectorXd::Zero(4), l0::Error);
  CHECK_THROWS_AS(layer.log_alpha() = Matrix<double>::Zero(3, 3), l0::Error);
  CHECK(Snapshot(layer) == before);
}

}  // namespace tests::layers::ownership
