// SPDX-License-Identifier: MIT
// A step of a soft tree takes no memory from the heap after the first.
#include "support/allocations.hpp"

#include <l0/layers/soft_tree.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include "support/catch.hpp"

TEST_CASE("A step of soft trees allocates nothing", "[allocation]") {
  l0::Rng rng(1);
  l0::SoftTree<float> tree(300, 3, rng, {.trees = 20, .depth = 4});
  l0::Adam<float> optimizer(tree.parameters(), {.learning_rate = 0.01F});
  const l0::L0Penalty<float> penalty{.lambda = 1e-3F};
  const l0::Matrix<float> x = l0::Matrix<float>::Random(256, 300);
  const l0::Matrix<float> y = l0::Matrix<float>::Random(256, 3);
  l0::Matrix<float> gradient;
  const auto step = [&] {
    optimizer.zero_grad();
    l0::mse_loss(tree.forward(x, rng), y, gradient);
    tree.backward(gradient);
    penalty.accumulate(tree);
    optimizer.step();
  };
  for (l0::Index j = 0; j < 300; ++j) tree.log_alpha()(j) = j % 4 == 0 ? 20.0F : -20.0F;
  step();
  int total = 0;
  for (const float log_alpha : {-20.0F, 1.0F, 20.0F}) {
    tree.log_alpha().setConstant(log_alpha);
    total += l0::test::allocations_in(step);
  }
  CHECK(total == 0);
  if (total == 0) l0::test::forbid_eigen_allocations(step);  // would end the program
}
