// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include <l0/core/types.hpp>

namespace l0 {

/// A list of numbers in options, filled from whatever holds them: a std::vector, an Eigen vector, {1, 2, 3}.
template <class Number>
class NumberList {
 public:
  NumberList() = default;
  /// A number per element.
  NumberList(std::initializer_list<Number> values) : values_(values) {}
  /// One number for all.
  NumberList(Number value) : values_{value} {}  // NOLINT(google-explicit-constructor): one number for all

  /// Copies a container that has a size and is indexed. Whole numbers are wanted where `Number` is one.
  template <class Container>
    requires(!std::same_as<std::remove_cvref_t<Container>, NumberList>)
  &&requires(const Container& c) {
    { c.size() } -> std::convertible_to<std::size_t>;
    { c[0] } -> std::convertible_to<Number>;
  }
  NumberList(const Container& values) {  // NOLINT(google-explicit-constructor): options are filled with containers
    static_assert(!std::integral<Number> || std::integral<std::remove_cvref_t<decltype(values[0])>>,
                  "whole numbers are wanted");
    const auto size = static_cast<std::size_t>(values.size());
    values_.reserve(size);
    using Position = decltype(values.size());
    for (std::size_t i = 0; i < size; ++i) values_.push_back(static_cast<Number>(values[static_cast<Position>(i)]));
  }

  /// How many numbers were given.
  std::size_t size() const { return values_.size(); }
  /// Whether none was given.
  bool empty() const { return values_.empty(); }
  /// Number i, unchecked.
  const Number& operator[](std::size_t i) const { return values_[i]; }
  /// The first number.
  auto begin() const { return values_.begin(); }
  /// Behind the last number.
  auto end() const { return values_.end(); }
  friend bool operator==(const NumberList&, const NumberList&) = default;  ///< Whether all members agree.

 private:
  std::vector<Number> values_;
};

}  // namespace l0
