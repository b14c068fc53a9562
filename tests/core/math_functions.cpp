// SPDX-License-Identifier: MIT
// exp, log, logistic and square root of the kernels against the standard library one precision further, in every copy
// that the processor can run.
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include <l0/core/math.hpp>
#include <l0/core/types.hpp>
#include "support/catch.hpp"
#include "support/simd_copies.hpp"

namespace tests::core::math_functions {

namespace {

using l0::Index;

/// The type in which references are computed.
template <class Scalar>
using Wide = std::conditional_t<std::is_same_v<Scalar, float>, double, long double>;

/// What include/l0/core/math.hpp states, in units in the last place.
constexpr double allowed_ulps = 4;

template <class Scalar>
double ulps(Scalar actual, Wide<Scalar> expected) {
  int exponent = 0;
  std::frexp(expected, &exponent);
  const Wide<Scalar> unit = std::ldexp(Wide<Scalar>(1), exponent - std::numeric_limits<Scalar>::digits);
  return static_cast<double>(std::abs(static_cast<Wide<Scalar>>(actual) - expected) / unit);
}

struct Exp {
  template <class Scalar>
  L0_ALWAYS_INLINE static Scalar fast(Scalar x) {
    return l0::detail::fast_exp(x);
  }
  template <class Scalar>
  static Scalar exact(Scalar x) {
    return std::exp(x);
  }
};

struct Log {
  template <class Scalar>
  L0_ALWAYS_INLINE static Scalar fast(Scalar x) {
    return l0::detail::fast_log(x);
  }
  template <class Scalar>
  static Scalar exact(Scalar x) {
    return std::log(x);
  }
};

struct Logistic {
  template <class Scalar>
  L0_ALWAYS_INLINE static Scalar fast(Scalar x) {
    return l0::detail::fast_logistic(x);
  }
  template <class Scalar>
  static Scalar exact(Scalar x) {
    return 1 / (1 + std::exp(-x));
  }
};

struct SquareRoot {
  template <class Scalar>
  L0_ALWAYS_INLINE static Scalar fast(Scalar x) {
    return l0::detail::fast_sqrt(x);
  }
  template <class Scalar>
  static Scalar exact(Scalar x) {
    return std::sqrt(x);
  }
};

template <class Function>
struct Map {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, Scalar* y, Index size) {
    for (Index i = 0; i < size; ++i) y[i] = Function::fast(x[i]);
  }
};

template <class Function, class Scalar>
void check_ulps(const std::vector<Scalar>& x) {
  std::vector<Wide<Scalar>> exact;
  for (const Scalar value : x) exact.push_back(Function::exact(static_cast<Wide<Scalar>>(value)));
  l0::test::for_each_copy<Map<Function>>([&](const char* name, auto run) {
    std::vector<Scalar> y(x.size());
    run(x.data(), y.data(), static_cast<Index>(x.size()));
    double worst = 0;
    Scalar where = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], exact[i]);
      if (!(error <= worst)) {
        worst = error;
        where = x[i];
      }
    }
    CAPTURE(name, where);
    CHECK(worst <= allowed_ulps);
  });
}

template <class Scalar>
std::vector<Scalar> between(Scalar low, Scalar high, int count) {
  std::vector<Scalar> points;
  for (int i = 0; i < count; ++i) {
    const Scalar t = static_cast<Scalar>(i) / static_cast<Scalar>(count - 1);
    points.push_back(low * (1 - t) + high * t);
  }
  return points;
}

/// Positive normal numbers over the whole range of exponents, each with a mantissa of its own.
template <class Scalar>
std::vector<Scalar> all_magnitudes(int per_exponent) {
  using Limits = std::numeric_limits<Scalar>;
  std::vector<Scalar> points{Limits::min(), Limits::max(), Scalar(1)};
  double mantissa = 0;
  for (int e = Limits::min_exponent; e <= Limits::max_exponent; ++e) {
    for (int i = 0; i < per_exponent; ++i) {
      mantissa = std::fmod(mantissa + 0.6180339887498949, 1.0);
      points.push_back(std::ldexp(static_cast<Scalar>((1 + mantissa) / 2), e));
    }
  }
  return points;
}

}  // namespace

TEMPLATE_TEST_CASE("fast_exp is right to 4 ulp over its range", "[core]", float, double) {
  const auto limit = l0::detail::FloatFormat<TestType>::exp_limit;
  check_ulps<Exp>(between<TestType>(-limit, limit, 100001));
  check_ulps<Exp>(between<TestType>(-1, 1, 20001));
}

TEMPLATE_TEST_CASE("fast_log is right to 4 ulp for every normal number", "[core]", float, double) {
  check_ulps<Log>(all_magnitudes<TestType>(20));
  check_ulps<Log>(between<TestType>(TestType(0.5), TestType(2), 50001));  // relative, also where log x is near 0
}

TEMPLATE_TEST_CASE("fast_logistic is right to 4 ulp, in both tails", "[core]", float, double) {
  check_ulps<Logistic>(between<TestType>(-80, 80, 100001));
}

TEMPLATE_TEST_CASE("fast_sqrt is right to 4 ulp from four times the least normal number on", "[core]", float, double) {
  auto x = all_magnitudes<TestType>(20);
  std::erase_if(x, [](TestType value) { return value < 4 * std::numeric_limits<TestType>::min(); });
  x.push_back(4 * std::numeric_limits<TestType>::min());
  check_ulps<SquareRoot>(x);
}

TEMPLATE_TEST_CASE("Fast functions at the edges of their ranges", "[core]", float, double) {
  using namespace l0::detail;
  using Limits = std::numeric_limits<TestType>;
  const auto limit = FloatFormat<TestType>::exp_limit;

  CHECK(fast_exp(TestType(0)) == 1);
  CHECK(fast_exp(-TestType(0)) == 1);
  CHECK(fast_exp(Limits::infinity()) == fast_exp(limit));
  CHECK(fast_exp(-Limits::infinity()) == fast_exp(-limit));
  CHECK(fast_exp(limit + 1) == fast_exp(limit));
  CHECK(fast_exp(limit) < Limits::max());
  CHECK(fast_exp(-limit) >= Limits::min());
  CHECK(std::isnan(fast_exp(Limits::quiet_NaN())));

  CHECK(fast_log(TestType(1)) == 0);

  CHECK(fast_logistic(TestType(0)) == TestType(0.5));
  CHECK(fast_logistic(Limits::infinity()) == 1);
  CHECK(fast_logistic(-Limits::infinity()) > 0);
  CHECK(fast_logistic(-Limits::infinity()) < 2 * fast_exp(-limit));
  CHECK(std::isnan(fast_logistic(Limits::quiet_NaN())));

  CHECK(fast_sqrt(TestType(0)) == 0);
  const TestType subnormal = fast_sqrt(Limits::denorm_min());
  CHECK(subnormal >= 0);
  CHECK(subnormal < std::sqrt(Limits::min()));
  for (const TestType small : {Limits::denorm_min(), Limits::min() / 3, Limits::min(), 3 * Limits::min()}) {
    CHECK(fast_sqrt(small) >= 0);
    CHECK(fast_sqrt(small) <= std::sqrt(small) * (1 + 4 * Limits::epsilon()));
  }
}

TEMPLATE_TEST_CASE("select and clamp without branches", "[core]", float, double) {
  using namespace l0::detail;
  using Limits = std::numeric_limits<TestType>;
  CHECK(select(true, TestType(3), TestType(-4)) == 3);
  CHECK(select(false, TestType(3), TestType(-4)) == -4);
  CHECK(select(false, Limits::quiet_NaN(), TestType(2)) == 2);
  CHECK(clamp(TestType(5), TestType(-1), TestType(2)) == 2);
  CHECK(clamp(TestType(-5), TestType(-1), TestType(2)) == -1);
  CHECK(clamp(TestType(1), TestType(-1), TestType(2)) == 1);
  CHECK(clamp(TestType(2), TestType(-1), TestType(2)) == 2);
  CHECK(clamp(Limits::infinity(), TestType(-1), TestType(2)) == 2);
  CHECK(std::isnan(clamp(Limits::quiet_NaN(), TestType(-1), TestType(2))));
}

}  // namespace tests::core::math_functions
