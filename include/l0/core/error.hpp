// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include <Eigen/Core>

#include <l0/core/types.hpp>

/// \def L0_ON_ERROR
/// What happens instead of `l0::Error` where exceptions are switched off (-fno-exceptions): a macro of the user's with
/// one argument, the message as a `const char*`, defined before the first header of l0 and alike in every file of a
/// program. It should not return; where it does, or is not defined, the program aborts. Not defined, the message is
/// written to the standard error before. Where there are exceptions it is not used.
///
///     #define L0_ON_ERROR(message) restart_controller(message)
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define L0_DETAIL_EXCEPTIONS 1
#else
#define L0_DETAIL_EXCEPTIONS 0
#ifndef L0_ON_ERROR
#define L0_ON_ERROR(message) std::fprintf(stderr, "%s\n", message)
#endif
#endif

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

/// Throws `Error`, from functions that should not hold the code that makes one; without exceptions `L0_ON_ERROR`.
[[noreturn]] inline void fail(std::string_view argument, std::string_view value, std::string_view expectation) {
#if L0_DETAIL_EXCEPTIONS
  throw Error(argument, value, expectation);
#else
  const Error error(argument, value, expectation);
  L0_ON_ERROR(error.what());
  std::abort();
#endif
}

/// Calls work() and keeps what it throws in `failure`.
template <class Work>
void keep_failure(std::exception_ptr& failure, const Work& work) {
#if L0_DETAIL_EXCEPTIONS
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
#else
  static_cast<void>(failure);
  work();
#endif
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

inline Eigen::Index require_size(std::string_view argument, Eigen::Index size) {
  require(size >= 0, argument, size, "a size >= 0");
  return size;
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
