// SPDX-License-Identifier: MIT
// Pricing a model takes nothing from the heap, after the first time.
#include <l0/penalties/weight_penalty.hpp>
#include "penalties/models.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

namespace tests::penalties::no_allocation {

namespace {

/// How often the second pricing takes memory; where that cannot be counted, Eigen ends the program if it does.
template <class Model, class Penalty>
int heap_use(Model& model, const Penalty& penalty) {
  penalty.accumulate(model);
  const auto step = [&] { penalty.accumulate(model); };
  if (L0_TEST_COUNTS_ALLOCATIONS) return l0::test::allocations_in(step);
  l0::test::forbid_eigen_allocations(step);
  return 0;
}

}  // namespace

TEMPLATE_TEST_CASE("Penalties do not allocate, with any grouping", "[penalties]", float, double) {
  l0::test::for_each_grouping<TestType>([](const char* name, auto& layer, const auto&) {
    CAPTURE(name);
    CHECK(heap_use(layer, l0::L0Penalty<TestType>{}) == 0);
    for (const auto price : {l0::WeightPrice::plain, l0::WeightPrice::under_gates}) {
      CAPTURE(price == l0::WeightPrice::plain);
      CHECK(heap_use(layer, l0::L1Penalty<TestType>{.price = price}) == 0);
      CHECK(heap_use(layer, l0::L2Penalty<TestType>{.price = price}) == 0);
      CHECK(heap_use(layer, l0::L0L2Penalty<TestType>{.price = price}) == 0);
    }
  });
}

}  // namespace tests::penalties::no_allocation
