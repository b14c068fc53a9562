// SPDX-License-Identifier: MIT
// Φ, Φ⁻¹ and the bell curve of the kernels against long double, in every copy that the processor can run.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <l0/core/normal.hpp>
#include <l0/core/types.hpp>
#include "support/catch.hpp"
#include "support/simd_copies.hpp"

namespace tests::core::normal_functions {

namespace {

using l0::Index;

/// What include/l0/core/normal.hpp states, in units of the last place.
constexpr double allowed_ulps = 8;

struct Quantile {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = l0::detail::fast_normal_quantile(x[i]);
  }
};
struct Cdf {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = l0::detail::fast_normal_cdf(x[i]);
  }
};
struct Bell {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = l0::detail::fast_bell(x[i]);
  }
};

/// By std::sqrt: std::numbers::sqrt2_v<long double> of libc++ is a double.
long double cdf(long double x) { return std::erfc(-x / std::sqrt(2.0L)) / 2; }

/// Φ⁻¹(u) by Newton's method from close by; from the nearer end of (0, 1), to keep digits.
long double quantile(long double u, long double start) {
  const bool low = u < 0.5L;
  long double x = low ? start : -start;
  const long double p = low ? u : 1 - u;
  for (int k = 0; k < 4; ++k) {
    x -= (cdf(x) - p) * std::sqrt(2 * std::numbers::pi_v<long double>) * std::exp(x * x / 2);
  }
  return low ? x : -x;
}

/// The largest error of a kernel in units of ε · scale(x, exact).
template <class Kernel, class Scalar, class Exact, class Scale>
void check(const std::vector<Scalar>& x, Exact exact, Scale scale) {
  l0::test::for_each_copy<Kernel>([&](const char* name, auto run) {
    CAPTURE(name);
    std::vector<Scalar> y(x.size());
    run(x.data(), y.data(), static_cast<Index>(x.size()));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double expected = exact(static_cast<long double>(x[i]), static_cast<long double>(y[i]));
      const long double error = std::abs(static_cast<long double>(y[i]) - expected) / scale(expected);
      worst = std::max(worst, static_cast<double>(error) / static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
    }
    CHECK(worst <= allowed_ulps);
    CHECK(worst > 0);
  });
}

template <class Scalar>
std::vector<Scalar> between(double first, double last) {
  std::vector<Scalar> x;
  for (int i = 0; i <= 20000; ++i) x.push_back(static_cast<Scalar>(first + (last - first) * i / 20000));
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("The normal quantile of the kernels", "[core]", float, double) {
  std::vector<TestType> u = between<TestType>(1e-6, 1 - 1e-6);
  for (const TestType tail : between<TestType>(1e-6, 1e-3)) {
    u.push_back(tail);
    u.push_back(1 - tail);
  }
  check<Quantile>(u, quantile, [](long double exact) { return std::max(std::abs(exact), 1.0L); });
}

TEMPLATE_TEST_CASE("The normal distribution function of the kernels, to its tails", "[core]", float, double) {
  const double end = std::is_same_v<TestType, float> ? 12.5 : 37;  // beyond, the tail is no normal number
  const std::vector<TestType> x = between<TestType>(-end, end);
  check<Cdf>(
      x, [](long double at, long double) { return cdf(at); }, [](long double exact) { return exact; });
  check<Bell>(
      x, [](long double at, long double) { return std::exp(-at * at / 2); }, [](long double exact) { return exact; });
}

}  // namespace tests::core::normal_functions
