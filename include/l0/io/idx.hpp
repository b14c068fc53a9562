// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reads IDX files, the format of MNIST and its relatives: two bytes 0, a byte for the type, one for the number of
/// dimensions, the dimensions as 32-bit integers, then the numbers, all big-endian, the last dimension running fastest.
/// A door of its own: `l0.hpp` does not include it.

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/file.hpp>
#include <l0/core/types.hpp>
#include <l0/io/bytes.hpp>

namespace l0 {

/// The contents of an IDX file.
class IdxArray {
 public:
  /// Throws `Error` for a file that cannot be read, is no IDX file, or has fewer or more bytes than its header tells.
  static IdxArray read(const std::string& path) { return IdxArray(path, detail::read_file(path)); }
  /// The same from the bytes of a file.
  static IdxArray parse(std::string_view bytes, const std::string& name = "in memory") {
    return IdxArray(name, std::string(bytes));
  }

  /// The size of every dimension.
  const std::vector<Index>& shape() const { return shape_; }
  /// How many numbers there are.
  Index size() const { return size_; }

  /// Samples × numbers: the first dimension is that of the samples, the others are run together. A vector gives one
  /// column.
  template <std::floating_point Scalar>
  Matrix<Scalar> matrix() const {
    const Index rows = shape_.front();
    const Index columns = rows == 0 ? 0 : size_ / rows;
    Matrix<Scalar> result(rows, columns);
    for (Index j = 0; j < columns; ++j) {  // outside: rows without columns may be announced by the billion
      for (Index i = 0; i < rows; ++i) result(i, j) = static_cast<Scalar>(at(i * columns + j));
    }
    return result;
  }

  /// A vector of class labels. Throws `Error` unless there is one dimension, of whole numbers in [0, classes).
  Eigen::VectorXi labels(Index classes) const {
    if (shape_.size() != 1)
      detail::fail_file(path_, "of " + detail::to_text(shape_.size()) + " dimensions", "one: labels");
    detail::require(classes >= 0 && classes <= std::numeric_limits<int>::max(), "classes", classes,
                    "a number from 0 to 2147483647");
    Eigen::VectorXi result(size_);
    for (Index i = 0; i < size_; ++i) {
      const double value = at(i);
      if (!(value >= 0 && value < static_cast<double>(classes)) ||
          value != static_cast<double>(static_cast<int>(value))) {
        detail::fail("label " + detail::to_text(i) + " in file " + path_, detail::to_text(value),
                     "a class in [0, " + detail::to_text(classes) + ")");
      }
      result(i) = static_cast<int>(value);
    }
    return result;
  }

 private:
  IdxArray(const std::string& path, std::string bytes) : path_(path), bytes_(std::move(bytes)) {
    if (bytes_.size() < 4) detail::fail_file(path, detail::to_text(bytes_.size()) + " bytes long", "an IDX header");
    if (bytes_[0] != 0 || bytes_[1] != 0)
      detail::fail_file(path, "without the two zero bytes at its start", "an IDX file");
    type_ = static_cast<unsigned char>(bytes_[2]);
    width_ = width_of(type_);
    if (width_ == 0) {
      detail::fail_file(path, "of number type " + detail::to_text(int{type_}), "one of 8, 9, 11, 12, 13, 14");
    }
    const std::size_t dimensions = static_cast<unsigned char>(bytes_[3]);
    begin_ = 4 + 4 * dimensions;
    if (dimensions == 0) detail::fail_file(path, "without dimensions", "at least one");
    if (bytes_.size() < begin_)
      detail::fail_file(path, detail::to_text(bytes_.size()) + " bytes long", "a whole header");
    const std::size_t available = bytes_.size() - begin_;
    const std::size_t most = available / width_;
    std::size_t count = 1;
    bool empty = false;
    for (std::size_t d = 0; d < dimensions; ++d) {
      const auto extent = std::size_t{detail::number_at<std::uint32_t>(&bytes_[4 + 4 * d], std::endian::big)};
      if (extent > static_cast<std::size_t>(std::numeric_limits<Index>::max())) {
        detail::fail_file(path, "of dimension " + detail::to_text(extent), "fewer than 2^31 in 32-bit programs");
      }
      shape_.push_back(static_cast<Index>(extent));
      empty = empty || extent == 0;
      if (extent > 0) count = count > most / extent ? most + 1 : count * extent;  // no product overflows
    }
    if (empty) count = 0;
    if (count > most || count * width_ != available) {
      detail::fail_file(path, detail::to_text(available) + " bytes of numbers long",
                        "as many as its dimensions ask for: the file is truncated or has more");
    }
    size_ = static_cast<Index>(count);
  }

  static std::size_t width_of(unsigned char type) {
    switch (type) {
      case 8:
      case 9: return 1;
      case 11: return 2;
      case 12:
      case 13: return 4;
      case 14: return 8;
      default: return 0;
    }
  }

  double at(Index k) const {
    const char* from = bytes_.data() + (begin_ + static_cast<std::size_t>(k) * width_);
    const auto big = std::endian::big;
    switch (type_) {
      case 8: return detail::number_at<std::uint8_t>(from, big);
      case 9: return detail::number_at<std::int8_t>(from, big);
      case 11: return detail::number_at<std::int16_t>(from, big);
      case 12: return detail::number_at<std::int32_t>(from, big);
      case 13: return static_cast<double>(detail::number_at<float>(from, big));
      default: return detail::number_at<double>(from, big);
    }
  }

  std::string path_;
  std::string bytes_;
  std::vector<Index> shape_;
  unsigned char type_ = 0;
  std::size_t width_ = 0;
  std::size_t begin_ = 0;
  Index size_ = 0;
};

}  // namespace l0
