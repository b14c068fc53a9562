// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

#include <Eigen/Core>

namespace l0 {

/// What every wrong argument is answered with. The message names the argument, the value it had and what was expected;
/// the object that was called is as it was before.
class Error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

namespace detail {

template <class Value>
  requires std::integral<Value> || std::floating_point<Value> std::string to_text(Value value) {
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

/// Throws "l0: ARGUMENT is VALUE, expected EXPECTATION".
[[noreturn]] inline void fail(std::string_view argument, std::string_view value, std::string_view expectation) {
  std::string message("l0: ");
  message.append(argument).append(" is ").append(value).append(", expected ").append(expectation);
  throw Error(message);
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
