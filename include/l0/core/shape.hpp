// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/parameter.hpp>
#include <l0/core/types.hpp>

/// \file
/// What stands first in a model so that assigning another shape to it is refused before anything is written: for a
/// model of one matrix, for a gated layer and for a network.

namespace l0 {

/// The shape of a model, as its first member: makes the defaulted assignment of the model throw `Error`, before
/// anything is written, unless the shapes agree. A model that has been moved from accepts any.
class ShapeGuard {
 public:
  /// The shape of the model.
  ShapeGuard(Index rows, Index columns) : rows_(rows), columns_(columns) {}
  ShapeGuard(const ShapeGuard&) = default;  ///< Copies the shape.
  /// Takes the shape; the other counts as moved from.
  ShapeGuard(ShapeGuard&& other) noexcept : rows_(other.rows_), columns_(std::exchange(other.columns_, moved_from)) {}
  ~ShapeGuard() = default;

  /// Throws `Error` unless the shapes agree or one of the two is moved from.
  ShapeGuard& operator=(const ShapeGuard& other) {
    if (columns_ != moved_from && other.columns_ != moved_from) {
      detail::require_shape("the assigned model", other.rows_, other.columns_, rows_, columns_);
    }
    rows_ = other.rows_;
    columns_ = other.columns_;
    return *this;
  }
  /// A moved-from target takes the storage of `other`, which is then moved from.
  ShapeGuard& operator=(ShapeGuard&& other) {  // NOLINT(performance-noexcept-move-constructor): throws by contract
    const bool takes_over = columns_ == moved_from;
    *this = std::as_const(other);
    if (takes_over && this != &other) other.columns_ = moved_from;
    return *this;
  }

  /// Number of rows.
  Index rows() const { return rows_; }
  /// Number of columns.
  Index columns() const { return columns_; }

 private:
  static constexpr Index moved_from = -1;

  Index rows_;
  Index columns_;
};

namespace detail {

/// The shapes of all parameters of a gated layer, as its first member: see `ShapeGuard`.
class LayerShape {
 public:
  LayerShape(Index outputs, Index inputs, Index biases, std::pair<Index, Index> gates)
      : weight_(outputs, inputs), biases_(biases), gates_(gates) {}
  LayerShape(const LayerShape&) = default;
  LayerShape(LayerShape&&) noexcept = default;
  ~LayerShape() = default;

  LayerShape& operator=(const LayerShape& other) {
    take_rest(other);
    weight_ = other.weight_;
    return *this;
  }
  LayerShape& operator=(LayerShape&& other) {  // NOLINT(performance-noexcept-move-constructor): throws by contract
    take_rest(other);
    weight_ = std::move(other.weight_);
    return *this;
  }

  Index outputs() const { return weight_.rows(); }
  Index inputs() const { return weight_.columns(); }
  Index biases() const { return biases_; }
  const std::pair<Index, Index>& gates() const { return gates_; }

 private:
  void take_rest(const LayerShape& other) {
    if (inputs() >= 0 && other.inputs() >= 0) {  // neither has been moved from
      require_shape("the assigned model", other.outputs(), other.inputs(), outputs(), inputs());
      require_shape("the bias of the assigned model", other.biases_, 1, biases_, 1);
      require_shape("the gate array of the assigned model", other.gates_.first, other.gates_.second, gates_.first,
                    gates_.second);
    }
    biases_ = other.biases_;
    gates_ = other.gates_;
  }

  ShapeGuard weight_;
  Index biases_;
  std::pair<Index, Index> gates_;
};

/// The shapes of all parameters of a network, as its first member: makes the defaulted assignment throw `Error`, before
/// anything is written, unless they agree. A network that has been moved from accepts any.
template <class Scalar>
class ParameterShapes {
 public:
  ParameterShapes() = default;
  ParameterShapes(const ParameterShapes&) = default;
  ParameterShapes(ParameterShapes&& other) noexcept
      : shapes_(std::move(other.shapes_)), moved_from_(std::exchange(other.moved_from_, true)) {}
  ~ParameterShapes() = default;

  ParameterShapes& operator=(const ParameterShapes& other) {
    if (!moved_from_ && !other.moved_from_ && shapes_ != other.shapes_) {
      fail("the assigned network", text(other.shapes_), text(shapes_) + ", the shapes of the parameters");
    }
    shapes_ = other.shapes_;
    moved_from_ = other.moved_from_;
    return *this;
  }
  ParameterShapes& operator=(ParameterShapes&& other) {  // NOLINT(performance-noexcept-move-constructor): as above
    const bool takes_over = moved_from_;
    *this = std::as_const(other);
    if (takes_over && this != &other) other.moved_from_ = true;
    return *this;
  }

  void set(const Parameters<Scalar>& parameters) {
    for (const auto& parameter : parameters) shapes_.emplace_back(parameter.rows(), parameter.columns());
  }

 private:
  using Shapes = std::vector<std::pair<Dependent<Index, Scalar>, Index>>;

  static std::string text(const Shapes& shapes) {
    std::string result;
    for (const auto& [rows, columns] : shapes) result += (result.empty() ? "" : ", ") + shape_text(rows, columns);
    return result.empty() ? "without parameters" : result;
  }

  Shapes shapes_;
  bool moved_from_ = false;
};

}  // namespace detail
}  // namespace l0
