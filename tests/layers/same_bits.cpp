// SPDX-License-Identifier: MIT
// The same seed gives the same bits, whatever other layers do.
#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include <vector>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace tests::layers::same_bits {

namespace {

using l0::Matrix;
using Layer = l0::L0Linear<float, l0::PerInput>;

const Matrix<float> X = l0::test::fixed_numbers(20, 9, 1).cast<float>();
const Matrix<float> y = l0::test::fixed_numbers(20, 2, 2).cast<float>();

/// Trains for 20 steps and returns all that was learned.
Matrix<float> train(Layer& layer, l0::Rng& rng, const auto& between) {
  l0::Adam<float> optimizer(layer.parameters(), {.learning_rate = 0.05F});
  for (int k = 0; k < 20; ++k) {
    optimizer.zero_grad();
    layer.backward(l0::mse_loss(layer.forward(X, rng), y).gradient);
    between();
    l0::L0Penalty<float>{.lambda = 0.01F}.accumulate(layer);
    optimizer.step();
  }
  Matrix<float> learned(3, 9);
  learned << layer.weight(), layer.log_alpha().transpose();
  return learned;
}

}  // namespace

TEST_CASE("Two runs with one seed give the same bits, with another seed not") {
  const auto run = [](std::uint64_t seed) {
    l0::Rng rng(seed);
    Layer layer(9, 2, rng);
    return train(layer, rng, [] {});
  };
  CHECK(run(3) == run(3));
  CHECK_FALSE(run(3) == run(4));
}

TEST_CASE("What other layers draw does not change the bits of a layer") {
  l0::Rng alone(3);
  Layer layer(9, 2, alone);
  const Matrix<float> expected = train(layer, alone, [] {});

  l0::Rng shared(3);
  Layer first(9, 2, shared);
  std::vector<Layer> others;
  const Matrix<float> actual = train(first, shared, [&] {
    others.emplace_back(9, 2, shared);
    for (auto& other : others) other.forward(X, shared);
    shared();  // the generator's own sequence
  });
  CHECK(actual == expected);
}

TEST_CASE("Layers that share a generator start and draw differently") {
  l0::Rng rng(3);
  Layer first(9, 2, rng);
  Layer second(9, 2, rng);
  CHECK_FALSE(first.weight() == second.weight());
  first.forward(X, rng);
  second.forward(X, rng);
  CHECK_FALSE(first.gate().values() == second.gate().values());
}

TEST_CASE("A layer draws anew in every forward, and repeats a draw on request") {
  l0::Rng rng(3);
  Layer layer(9, 2, rng);
  const Matrix<float> first = layer.forward(X, rng);
  CHECK_FALSE(layer.forward(X, rng) == first);
  layer.gate().set_draw(0);
  CHECK(layer.forward(X, rng) == first);
}

}  // namespace tests::layers::same_bits
