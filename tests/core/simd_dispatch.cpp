// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include <l0/core/math.hpp>
#include <l0/core/types.hpp>
#include "support/catch.hpp"
#include "support/simd_copies.hpp"

namespace tests::core::simd_dispatch {

namespace {

using l0::Index;

/// Every elementary function in one loop.
struct Mixture {
  template <class Scalar>
  L0_ALWAYS_INLINE static Scalar run(const Scalar* x, Scalar* y, Index size) {
    using namespace l0::detail;
    for (Index i = 0; i < size; ++i) y[i] = fast_logistic(fast_log(x[i])) + fast_exp(-x[i]) + fast_sqrt(x[i]);
    return y[size - 1];
  }
};

template <class Scalar>
std::vector<Scalar> points() {
  std::vector<Scalar> x;
  for (int i = 0; i < 1000; ++i) x.push_back(static_cast<Scalar>(0.01 + 0.02 * i));
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("Copies of a kernel agree to rounding, and each repeats its bits", "[core]", float, double) {
  const std::vector<TestType> x = points<TestType>();
  const auto size = static_cast<Index>(x.size());
  std::vector<TestType> expected(x.size());
  l0::detail::run_baseline<Mixture>(x.data(), expected.data(), size);

  l0::test::for_each_copy<Mixture>([&](const char* name, auto run) {
    CAPTURE(name);
    std::vector<TestType> y(x.size());
    std::vector<TestType> again(x.size());
    CHECK(run(x.data(), y.data(), size) == y.back());
    run(x.data(), again.data(), size);
    CHECK(y == again);
    TestType worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(y[i] - expected[i]) / expected[i]);
    CHECK(worst <= 8 * std::numeric_limits<TestType>::epsilon());
  });
}

TEMPLATE_TEST_CASE("dispatch takes the widest copy", "[core]", float, double) {
  const std::vector<TestType> x = points<TestType>();
  const auto size = static_cast<Index>(x.size());
  std::vector<TestType> dispatched(x.size());
  CHECK(l0::detail::dispatch<Mixture>(x.data(), dispatched.data(), size) == dispatched.back());

  std::vector<TestType> widest(x.size());
  std::string widest_name;
  l0::test::for_each_copy<Mixture>([&](const char* name, auto run) {
    widest_name = name;
    run(x.data(), widest.data(), size);
  });
  CAPTURE(widest_name);
  CHECK(dispatched == widest);
}

}  // namespace tests::core::simd_dispatch
