// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/file.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/io/bytes.hpp>
#include <l0/io/safetensors.hpp>
#include <l0/io/text.hpp>

/// \file
/// Members of estimators as tensors and remarks: numbers in bulk are tensors, single ones and texts are metadata, what
/// is inside something is named behind a point, "options.lambda_l2". `ModelWriter` and `ModelReader` are called alike.

namespace l0::detail {

template <class T>
concept StoredNumber = std::integral<T> || std::floating_point<T>;

template <class T>
concept StoredArray = requires {
  typename T::Scalar;
  T::IsVectorAtCompileTime;
};
template <class T>
concept StoredClass = std::is_class_v<T> && !StoredArray<T>;

/// Finite numbers as briefly as they can be read back; also infinity and NaN.
template <StoredNumber Number>
std::string stored_text(Number value) {
  if constexpr (std::floating_point<Number>) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  }
  return to_text(value);
}
template <StoredNumber Number>
bool from_stored_text(std::string_view text, Number& value) {
  if constexpr (std::same_as<Number, bool>) {
    value = text == "true";
    return value || text == "false";
  } else {
    if constexpr (std::floating_point<Number>) {
      constexpr Number infinite = std::numeric_limits<Number>::infinity();
      if (text == "nan") return value = std::numeric_limits<Number>::quiet_NaN(), true;
      if (text == "inf") return value = infinite, true;
      if (text == "-inf") return value = -infinite, true;
    }
    return parse_number(text, value);
  }
}

/// The names of members inside members.
class ArchivePlace {
 public:
  std::string name(std::string_view member) const { return prefix_ + std::string(member); }
  template <class Inside>
  void enter(std::string_view member, const Inside& inside) {
    const std::size_t before = prefix_.size();
    prefix_.append(member).append(".");
    inside();
    prefix_.resize(before);
  }

 private:
  std::string prefix_;
};

/// The members of a class, which a function `archive` lists, or the class itself; one without members has none to list.
template <class T, class Archive>
void archive_members(T& value, Archive& a) {
  if constexpr (requires { archive(value, a); }) {
    archive(value, a);
  } else if constexpr (!std::is_empty_v<T>) {
    StoredAccess::archive(value, a);
  }
}

/// Puts members into tensors and metadata.
template <std::floating_point Scalar>
class ModelWriter {
 public:
  static constexpr bool reads = false;

  const TensorFile<Scalar>& file() const { return file_; }

  template <StoredNumber Number>
  void operator()(std::string_view member, const Number& value) {
    file_.metadata[place_.name(member)] = stored_text(value);
  }
  void operator()(std::string_view member, const std::string& value) { file_.metadata[place_.name(member)] = value; }
  /// One of the first `count` of an enumeration.
  template <class Choice>
    requires std::is_enum_v<Choice>
  void choice(std::string_view member, const Choice& value, int /*count*/) { (*this)(member, static_cast<int>(value)); }
  template <class T>
  void operator()(std::string_view member, const std::optional<T>& value) {
    if (value) (*this)(member, *value);
  }
  template <StoredArray Array>
  void operator()(std::string_view member, const Array& values) {
    static_assert(std::same_as<typename Array::Scalar, Scalar>);
    Tensor<Scalar> tensor;
    if (Array::IsVectorAtCompileTime) {
      tensor.shape = {values.size()};
    } else {
      tensor.shape = {values.rows(), values.cols()};
    }
    for (Index i = 0; i < values.rows(); ++i) {
      for (Index j = 0; j < values.cols(); ++j) tensor.values.push_back(values(i, j));
    }
    file_.tensors[place_.name(member)] = std::move(tensor);
  }
  template <class T>
  void operator()(std::string_view member, const std::vector<T>& values) {
    if constexpr (std::same_as<T, Scalar>) {
      file_.tensors[place_.name(member)] = {{static_cast<Index>(values.size())}, values};
    } else if constexpr (std::integral<T>) {
      file_.integers[place_.name(member)] = {{static_cast<Index>(values.size())}, {values.begin(), values.end()}};
    } else if constexpr (std::floating_point<T>) {
      std::string text;
      for (const T value : values) text += (text.empty() ? "" : " ") + stored_text(value);
      file_.metadata[place_.name(member)] = text;
    } else {
      place_.enter(member, [&] {
        (*this)("count", values.size());
        for (std::size_t i = 0; i < values.size(); ++i) (*this)(to_text(i), values[i]);
      });
    }
  }
  /// A class with members of its own.
  template <StoredClass T>
  void operator()(std::string_view member, const T& value) {
    place_.enter(member, [&] { archive_members(value, *this); });
  }
  static void require(bool, std::string_view) {}

 private:
  TensorFile<Scalar> file_;
  ArchivePlace place_;
};

/// Takes members from tensors and metadata. Throws `Error`, naming the file, for what is not there, is of another type
/// or shape, or is there although nobody asked for it.
template <std::floating_point Scalar>
class ModelReader {
 public:
  static constexpr bool reads = true;

  ModelReader(std::string path, TensorFile<Scalar> file) : path_(std::move(path)), file_(std::move(file)) {}

  template <StoredNumber Number>
  void operator()(std::string_view member, Number& value) {
    const std::string name = place_.name(member);
    const std::string text = remark(name);
    if (!from_stored_text(text, value)) fail_file(path_, "with " + name + " = " + text, "a number that fits there");
  }
  void operator()(std::string_view member, std::string& value) { value = remark(place_.name(member)); }
  template <class Choice>
    requires std::is_enum_v<Choice>
  void choice(std::string_view member, Choice& value, int count) {
    int number = 0;
    (*this)(member, number);
    require(number >= 0 && number < count, place_.name(member) + " = " + to_text(number));
    value = static_cast<Choice>(number);
  }
  template <class T>
  void operator()(std::string_view member, std::optional<T>& value) {
    value.reset();
    if (file_.metadata.count(place_.name(member)) > 0) (*this)(member, value.emplace());
  }
  template <StoredArray Array>
  void operator()(std::string_view member, Array& values) {
    const std::string name = place_.name(member);
    const auto tensor = take(file_.tensors, name);
    const auto& shape = tensor.shape;
    if constexpr (Array::IsVectorAtCompileTime) {
      require(shape.size() == 1, name + " of another number of dimensions");
      values.resize(shape[0]);
    } else {
      require(shape.size() == 2, name + " of another number of dimensions");
      values.resize(shape[0], shape[1]);
    }
    std::size_t at = 0;
    for (Index i = 0; i < values.rows(); ++i) {
      for (Index j = 0; j < values.cols(); ++j) values(i, j) = tensor.values[at++];
    }
  }
  template <class T>
  void operator()(std::string_view member, std::vector<T>& values) {
    const std::string name = place_.name(member);
    values.clear();
    if constexpr (std::same_as<T, Scalar>) {
      values = take(file_.tensors, name).values;
    } else if constexpr (std::integral<T>) {
      for (const std::int64_t value : take(file_.integers, name).values) {
        require(std::in_range<T>(value), to_text(value) + " in " + name);
        values.push_back(static_cast<T>(value));
      }
    } else if constexpr (std::floating_point<T>) {
      const std::string text = remark(name);
      std::string_view rest = text;
      for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
        values.emplace_back();
        require(from_stored_text(word, values.back()), std::string(word) + " in " + name);
      }
    } else {
      place_.enter(member, [&] {
        std::size_t count = 0;
        (*this)("count", count);
        // Each has an entry at least: a count from nowhere asks for no memory.
        require(count <= left(), to_text(count) + " entries of " + name);
        for (std::size_t i = 0; i < count; ++i) (*this)(to_text(i), values.emplace_back());
      });
    }
  }
  template <StoredClass T>
  void operator()(std::string_view member, T& value) {
    place_.enter(member, [&] { archive_members(value, *this); });
  }

  /// Refuses the file unless `good`; `what` stands in it.
  void require(bool good, std::string_view what) const {
    if (!good) fail_file(path_, "with " + std::string(what), "what save writes");
  }
  /// Runs a check that throws `Error` without knowing of files.
  template <class Check>
  void require_checked(const Check& check) const {
    std::exception_ptr failure;
    keep_failure(failure, check);
    require(failure == nullptr, "options that no estimator takes");
  }
  /// Refuses what nobody has asked for.
  void finish() const {
    const std::string other = !file_.tensors.empty()    ? file_.tensors.begin()->first
                              : !file_.integers.empty() ? file_.integers.begin()->first
                              : !file_.metadata.empty() ? file_.metadata.begin()->first
                                                        : std::string();
    require(left() == 0, "an entry " + other);
  }

 private:
  std::size_t left() const { return file_.tensors.size() + file_.integers.size() + file_.metadata.size(); }

  template <class Entries>
  auto take(Entries& entries, const std::string& name) {
    const auto found = entries.find(name);
    if (found == entries.end()) fail_file(path_, "without " + name, "what save writes");
    auto entry = std::move(found->second);
    entries.erase(found);
    return entry;
  }
  std::string remark(const std::string& name) { return take(file_.metadata, name); }

  std::string path_;
  TensorFile<Scalar> file_;
  ArchivePlace place_;
};

}  // namespace l0::detail
