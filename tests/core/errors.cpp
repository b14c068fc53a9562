// SPDX-License-Identifier: MIT
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <l0/core/error.hpp>
#include "support/catch.hpp"

namespace tests::core::errors {

using Catch::Matchers::Message;
namespace detail = l0::detail;
using namespace std::string_literals;

static_assert(std::is_base_of_v<std::invalid_argument, l0::Error>);

TEST_CASE("An error names the argument, its value and the expectation", "[core]") {
  CHECK_THROWS_MATCHES(detail::fail("size", "7", "a size below 5"), l0::Error,
                       Message("l0: size is 7, expected a size below 5"));
  CHECK_THROWS_MATCHES(detail::require(false, "count", 3, "more"), l0::Error, Message("l0: count is 3, expected more"));
  CHECK_NOTHROW(detail::require(true, "count", 3, "more"));
}

TEST_CASE("Code of a user's own raises the same error", "[core]") {
  CHECK_THROWS_MATCHES(throw l0::Error("--targets", "missing", "a CSV file"), l0::Error,
                       Message("l0: --targets is missing, expected a CSV file"));
  const std::string name = "rate";
  CHECK_THROWS_MATCHES(throw l0::Error(name, -0.1F, "a number > 0"), std::invalid_argument,
                       Message("l0: rate is -0.1, expected a number > 0"));
  CHECK(l0::Error("rows", Eigen::Index{-3}, "a size >= 0").what() == "l0: rows is -3, expected a size >= 0"s);
  CHECK(l0::Error("folds", true, name).what() == "l0: folds is true, expected rate"s);
}

TEST_CASE("Values are written as briefly as they can be read back", "[core]") {
  CHECK(detail::to_text(0.1) == "0.1");
  CHECK(detail::to_text(0.1F) == "0.1");
  CHECK(detail::to_text(-2.5e-300) == "-2.5e-300");
  CHECK(detail::to_text(std::numeric_limits<Eigen::Index>::min()) == "-9223372036854775808");
  CHECK(detail::to_text(true) == "true");
  CHECK(detail::to_text(false) == "false");
  CHECK(detail::to_text(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(detail::to_text(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(detail::shape_text(3, 40) == "3x40");
}

TEMPLATE_TEST_CASE("Positive and non-negative numbers are finite", "[core]", float, double) {
  const TestType infinity = std::numeric_limits<TestType>::infinity();
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  CHECK_NOTHROW(detail::require_positive("x", std::numeric_limits<TestType>::min()));
  CHECK_NOTHROW(detail::require_non_negative("x", TestType(0)));
  CHECK_THROWS_MATCHES(detail::require_positive("x", TestType(0)), l0::Error,
                       Message("l0: x is 0, expected a finite number > 0"));
  CHECK_THROWS_MATCHES(detail::require_non_negative("x", TestType(-0.5)), l0::Error,
                       Message("l0: x is -0.5, expected a finite number >= 0"));
  for (const TestType bad : {infinity, -infinity, nan, TestType(-1)}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(detail::require_positive("x", bad), l0::Error);
    CHECK_THROWS_AS(detail::require_non_negative("x", bad), l0::Error);
  }
}

TEST_CASE("Sizes and shapes", "[core]") {
  CHECK_NOTHROW(detail::require_size("rows", 0));
  CHECK_THROWS_MATCHES(detail::require_size("rows", -1), l0::Error, Message("l0: rows is -1, expected a size >= 0"));
  CHECK_NOTHROW(detail::require_shape("X", 2, 3, 2, 3));
  CHECK_THROWS_MATCHES(detail::require_shape("X", 2, 3, 3, 2), l0::Error, Message("l0: X is 2x3, expected 3x2"));
  CHECK_THROWS_AS(detail::require_shape("X", 2, 3, 2, 4), l0::Error);
  CHECK_THROWS_AS(detail::require_shape("X", 2, 3, 1, 3), l0::Error);
}

TEMPLATE_TEST_CASE("NaN and infinity are found and located", "[core]", float, double) {
  l0::detail::require_finite("X", Eigen::Matrix<TestType, 0, 0>());
  Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic> x = Eigen::Matrix<TestType, 3, 4>::Ones();
  CHECK_NOTHROW(detail::require_finite("X", x));
  x(2, 1) = std::numeric_limits<TestType>::quiet_NaN();
  CHECK_THROWS_MATCHES(detail::require_finite("X", x), l0::Error,
                       Message("l0: X(2, 1) is nan, expected a finite number"));
  x(2, 1) = -std::numeric_limits<TestType>::infinity();
  CHECK_THROWS_MATCHES(detail::require_finite("X", x.topRows(3) * TestType(2)), l0::Error,
                       Message("l0: X(2, 1) is -inf, expected a finite number"));
  x(0, 0) = std::numeric_limits<TestType>::infinity();  // the first of two
  CHECK_THROWS_MATCHES(detail::require_finite("X", x), l0::Error,
                       Message("l0: X(0, 0) is inf, expected a finite number"));
}

}  // namespace tests::core::errors
