// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

#include <Eigen/Core>

#include <l0/core/types.hpp>

namespace l0 {

namespace detail {

template <class T>
concept Arithmetic = std::integral<T> || std::floating_point<T>;

template <Arithmetic Value>
std::string to_text(Value value) {
  if constexpr (std::same_as<Value, bool>) {
    return value ? "true" : "false";
  } else {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value);
    return std::string(text, end.ptr);
  }
}

inline std::string shape_text(Eigen::Index rows, Eigen::Index columns) {
  return to_text(rows) + "x" + to_text(columns);
}

}  // namespace detail

/// What every wrong argument is answered with. The message names the argument, the value it had and what was expected;
/// the object that was called is as it was before. Distributions, layers and losses of a user's own may answer alike:
///
///     if (!(rate > 0)) throw l0::Error("rate", rate, "a number > 0");   // l0: rate is -1, expected a number > 0
class Error : public std::invalid_argument {
 public:
  /// The message "l0: ARGUMENT is VALUE, expected EXPECTATION".
  Error(std::string_view argument, std::string_view value, std::string_view expectation)
      : std::invalid_argument(message(argument, value, expectation)) {}

  /// The same for a number, written as briefly as it can be read back, or a bool.
  template <detail::Arithmetic Value>
  Error(std::string_view argument, Value value, std::string_view expectation)
      : Error(argument, std::string_view(detail::to_text(value)), expectation) {}

 private:
  static std::string message(std::string_view argument, std::string_view value, std::string_view expectation) {
    std::string text("l0: ");
    text.append(argument).append(" is ").append(value).append(", expected ").append(expectation);
    return text;
  }
};

namespace detail {

/// Throws `Error` from functions that should not hold the code that makes one.
[[noreturn]] inline void fail(std::string_view argument, std::string_view value, std::string_view expectation) {
  throw Error(argument, value, expectation);
}

template <class Value>
void require(bool condition, std::string_view argument, Value value, std::string_view expectation) {
  if (!condition) fail(argument, to_text(value), expectation);
}

template <std::floating_point Scalar>
void require_positive(std::string_view argument, Scalar value) {
  require(value > 0 && value < std::numeric_limits<Scalar>::infinity(), argument, value, "a finite number > 0");
}

template <std::floating_point Scalar>
void require_non_negative(std::string_view argument, Scalar value) {
  require(value >= 0 && value < std::numeric_limits<Scalar>::infinity(), argument, value, "a finite number >= 0");
}

inline void require_size(std::string_view argument, Eigen::Index size) {
  require(size >= 0, argument, size, "a size >= 0");
}

inline void require_shape(std::string_view argument, Eigen::Index rows, Eigen::Index columns,
                          Eigen::Index expected_rows, Eigen::Index expected_columns) {
  if (rows != expected_rows || columns != expected_columns) {
    fail(argument, shape_text(rows, columns), shape_text(expected_rows, expected_columns));
  }
}

/// Refuses NaN and infinity and names the first entry that has one.
template <class Derived>
void require_finite(std::string_view argument, const Eigen::DenseBase<Derived>& values) {
  if (values.derived().array().allFinite()) return;
  for (Eigen::Index j = 0; j < values.cols(); ++j) {
    for (Eigen::Index i = 0; i < values.rows(); ++i) {
      const auto value = values.derived().coeff(i, j);
      if (!(value - value == 0)) {
        fail(std::string(argument) + "(" + to_text(i) + ", " + to_text(j) + ")", to_text(value), "a finite number");
      }
    }
  }
}

}  // namespace detail
}  // namespace l0
