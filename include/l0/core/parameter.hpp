// SPDX-License-Identifier: MIT
#pragma once

#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// What a parameter is: optimizers give gates a rate of their own and never decay them.
enum class ParameterKind { weight, bias, gate };

/// A handle on one parameter of a model, for optimizers and for code that stores parameters.
///
/// It shares ownership of the storage: it stays valid when the model is moved, when another model is assigned to it
/// (values are written through into the same storage), and even after the model is gone.
template <class Scalar>
class ParameterRef {
 public:
  /// A handle to arrays of rows × columns numbers that `owner` keeps alive; optimizers keep the numbers in ±bound.
  ParameterRef(ParameterKind kind, std::string_view name, std::shared_ptr<void> owner, Scalar* value, Scalar* gradient,
               Index rows, Index columns, Scalar bound = std::numeric_limits<Scalar>::infinity())
      : owner_(std::move(owner)), value_(value), gradient_(gradient), rows_(rows), columns_(columns), bound_(bound),
        kind_(kind), name_(name) {}

  /// What the array is to a model: weight, bias or gate.
  ParameterKind kind() const { return kind_; }
  /// "weight", "bias" or "log_alpha".
  std::string_view name() const { return name_; }
  /// Number of rows.
  Index rows() const { return rows_; }
  /// Number of columns.
  Index columns() const { return columns_; }
  /// How many numbers there are.
  Index size() const { return rows_ * columns_; }
  /// Optimizers project each number to [−bound, bound] after a step; infinity where there is no bound.
  Scalar bound() const { return bound_; }

  /// All values, column by column.
  Eigen::Map<Vector<Scalar>> values() const { return {value_, size()}; }
  /// The gradient of the objective with respect to `values()`.
  Eigen::Map<Vector<Scalar>> gradients() const { return {gradient_, size()}; }

 private:
  std::shared_ptr<void> owner_;
  Scalar* value_;
  Scalar* gradient_;
  Index rows_;
  Index columns_;
  Scalar bound_;
  ParameterKind kind_;
  std::string_view name_;
};

/// Handles to all arrays of a model, in a fixed order.
template <class Scalar>
using Parameters = std::vector<ParameterRef<Scalar>>;

/// A matrix in foreign storage whose shape is fixed: assigning another shape throws `Error`.
template <class PlainMatrix>
class FixedShapeMap : public Eigen::Map<PlainMatrix> {
  using Base = Eigen::Map<PlainMatrix>;

 public:
  /// Views `storage`, which must outlive the view.
  explicit FixedShapeMap(PlainMatrix& storage) : Base(storage.data(), storage.rows(), storage.cols()) {}

  FixedShapeMap(const FixedShapeMap&) = default;  ///< Another view of the same storage.
  /// Copies the numbers. Throws `Error` unless the shapes agree.
  FixedShapeMap& operator=(const FixedShapeMap& other) { return assign(other); }

  /// Evaluates into the storage. Throws `Error` unless the shapes agree.
  template <class Derived>
  FixedShapeMap& operator=(const Eigen::DenseBase<Derived>& other) {
    return assign(other.derived());
  }

 private:
  template <class Other>
  FixedShapeMap& assign(const Other& other) {
    detail::require_shape("the assigned matrix", other.rows(), other.cols(), this->rows(), this->cols());
    Base::operator=(other);
    return *this;
  }
};

/// One trainable array of a model together with its gradient.
///
/// Copies are deep. A move takes the storage along, so that handles follow the moved model; assignment writes through
/// into the storage that is there, so that handles to the assigned model stay right, and throws `Error` when the shapes
/// differ.
template <class PlainMatrix>
class Parameter {
 public:
  using Scalar = typename PlainMatrix::Scalar;  ///< float or double
  static_assert(PlainMatrix::IsVectorAtCompileTime || !PlainMatrix::IsRowMajor,
                "l0: handles give a parameter's numbers column by column; take l0::Matrix<Scalar>");

  /// Rows × columns zeros, which optimizers keep in ±bound. `name` must be a literal.
  Parameter(ParameterKind kind, std::string_view name, Index rows, Index columns,
            Scalar bound = std::numeric_limits<Scalar>::infinity())
      : storage_(std::make_shared<Storage>(PlainMatrix::Zero(rows, columns))), bound_(bound), kind_(kind), name_(name) {
  }

  /// A deep copy.
  Parameter(const Parameter& other)
      : storage_(other.storage_ ? std::make_shared<Storage>(*other.storage_) : nullptr), bound_(other.bound_),
        kind_(other.kind_), name_(other.name_) {}
  Parameter(Parameter&&) noexcept = default;  ///< Takes the storage along: handles stay valid.
  ~Parameter() = default;

  /// Writes through into the storage that is there. Throws `Error` unless the shapes agree.
  Parameter& operator=(const Parameter& other) {
    if (this == &other) return *this;
    if (!storage_ || !other.storage_) {
      storage_ = other.storage_ ? std::make_shared<Storage>(*other.storage_) : nullptr;
    } else {
      storage_->value = other.storage_->value;
      storage_->gradient = other.storage_->gradient;
    }
    return *this;
  }

  /// As the copy; a target that was moved from takes the storage.
  Parameter& operator=(Parameter&& other) {  // NOLINT(performance-noexcept-move-constructor): throws by contract
    if (storage_) return *this = other;
    storage_ = std::move(other.storage_);
    return *this;
  }

  /// The numbers.
  FixedShapeMap<PlainMatrix>& value() { return storage_->value; }
  /// The numbers.
  const FixedShapeMap<PlainMatrix>& value() const { return storage_->value; }
  /// Their gradient.
  FixedShapeMap<PlainMatrix>& gradient() { return storage_->gradient; }
  /// Their gradient.
  const FixedShapeMap<PlainMatrix>& gradient() const { return storage_->gradient; }

  /// How many numbers there are.
  Index size() const { return storage_ ? storage_->value.size() : 0; }

  /// A handle for an optimizer; it shares ownership of the storage.
  ParameterRef<Scalar> ref() {
    return {kind_,
            name_,
            storage_,
            storage_->value.data(),
            storage_->gradient.data(),
            storage_->value.rows(),
            storage_->value.cols(),
            bound_};
  }

 private:
  struct Storage {
    explicit Storage(const PlainMatrix& initial)
        : values(initial), gradients(PlainMatrix::Zero(initial.rows(), initial.cols())), value(values),
          gradient(gradients) {}
    Storage(const Storage& other)
        : values(other.values), gradients(other.gradients), value(values), gradient(gradients) {}
    Storage& operator=(const Storage&) = delete;
    ~Storage() = default;

    PlainMatrix values;
    PlainMatrix gradients;
    FixedShapeMap<PlainMatrix> value;
    FixedShapeMap<PlainMatrix> gradient;
  };

  std::shared_ptr<Storage> storage_;
  Scalar bound_;
  ParameterKind kind_;
  std::string_view name_;  // a literal
};

/// Joins parameter lists, e.g. of the layers of a user's own model.
template <class Scalar>
Parameters<Scalar> join(Parameters<Scalar> first, const std::vector<ParameterRef<Scalar>>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace l0
