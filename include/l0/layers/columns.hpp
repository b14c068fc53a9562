// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/shape.hpp>
#include <l0/layers/any_layer.hpp>
#include <l0/layers/image.hpp>

/// \file
/// Layers that compaction puts into the networks that it makes.

namespace l0 {

/// Some columns of the batch, and constants: what stands between two layers of a compacted network.
template <std::floating_point Scalar_>
class SelectColumns {
 public:
  using Scalar = Scalar_;                                         ///< float or double
  static constexpr std::string_view type_name = "SelectColumns";  ///< the name in stored networks and reports

  /// Column k of the result is column from[k] of `inputs` ones, or constants[k] where that is −1. Throws `Error` for
  /// others.
  SelectColumns(Index inputs, std::vector<Index> from, Vector<Scalar> constants)
      : inputs_(inputs), from_(std::move(from)), constants_{std::move(constants)} {
    detail::require_shape("constants", constants_.value.size(), 1, static_cast<Index>(from_.size()), 1);
    for (const Index j : from_) detail::require(j >= -1 && j < inputs, "column", j, "a column of the input, or -1");
  }

  /// Columns that come in.
  Index inputs() const { return inputs_; }
  /// Columns that go out. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs_, "columns of a selection", columns, detail::to_text(inputs_));
    return static_cast<Index>(from_.size());
  }
  /// Where every column comes from, −1 for constants.
  const std::vector<Index>& from() const { return from_; }
  /// The constants, 0 where there is none.
  const Vector<Scalar>& constants() const { return constants_.value; }
  /// The constants; the columns belong to its shape.
  void visit(auto&& v) { v("constants", constants_); }

  /// The selected columns.
  template <class X, class Noise>
  const Matrix<Scalar>& forward(const X& x, Noise&& /*noise*/) {
    write(x, output_);
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// The gradient by the columns that were read, 0 by others.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    input_gradient.setZero(upstream.rows(), inputs_);
    for (std::size_t k = 0; k < from_.size(); ++k) {
      if (from_[k] >= 0) input_gradient.col(from_[k]) += upstream.col(static_cast<Index>(k));
    }
  }
  /// As `forward`; columns that are not selected are not read.
  template <class X>
  Matrix<Scalar> predict(const X& x) const {
    Matrix<Scalar> y;
    write(x, y);
    return y;
  }

 private:
  template <class X>
  void write(const X& x, Matrix<Scalar>& y) const {
    y.resize(x.rows(), static_cast<Index>(from_.size()));
    for (std::size_t k = 0; k < from_.size(); ++k) {
      if (from_[k] < 0) {
        y.col(static_cast<Index>(k)).setConstant(constants_.value(static_cast<Index>(k)));
      } else {
        y.col(static_cast<Index>(k)) = x.col(from_[k]);
      }
    }
  }

  Index inputs_;
  std::vector<Index> from_;
  Buffer<Vector<Scalar>> constants_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

/// y_j = s_j x_j + t_j: what compaction leaves of a normalisation that it cannot fold into a neighbour.
template <std::floating_point Scalar_>
class ColumnScale {
 public:
  using Scalar = Scalar_;                                       ///< float or double
  using compactable = ColumnScale;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "ColumnScale";  ///< the name in stored networks and reports

  /// A factor and a summand per column.
  ColumnScale(const Vector<Scalar>& factors, const Vector<Scalar>& summands)
      : shape_(factors.size(), 1), scale_(ParameterKind::weight, "weight", factors.size(), 1),
        shift_(ParameterKind::bias, "bias", factors.size(), 1) {
    scale_.value() = factors;
    shift_.value() = summands;
  }

  /// Columns that come in.
  Index inputs() const { return scale_.size(); }
  /// The same. Throws `Error` for others.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a scale", columns, detail::to_text(inputs()));
    return columns;
  }
  /// Multiplications and additions per sample.
  Index flops() const { return 2 * inputs(); }
  /// The factors.
  const auto& scale() const { return scale_.value(); }
  /// The summands.
  const auto& shift() const { return shift_.value(); }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("weight", scale_);
    v("bias", shift_);
  }

  /// Scales and shifts.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    batch_.set(std::forward<X>(x));
    output_ = predict(batch_.get());
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// Adds to the gradients of both, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    detail::require_apart(input_gradient, upstream, batch_);
    scale_.gradient() += batch_.get().cwiseProduct(upstream).colwise().sum().transpose();
    shift_.gradient() += upstream.colwise().sum().transpose();
    input_gradient = upstream * scale().asDiagonal();
  }
  /// As `forward`.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_columns(x, inputs());
    Matrix<Scalar> y = detail::as_matrix_of<Scalar>(x) * scale().asDiagonal();
    y.rowwise() += shift().transpose();
    return y;
  }

  /// A constant, or a column whose factor is 0, is a constant.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index j = 0; j < in.size(); ++j) {
      if (scale()(j) == 0 || in.is_constant(j)) out.set_constant(j, scale()(j) * in.value(j) + shift()(j));
    }
  }
  /// A column needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.needed = out.needed; }
  /// The factors that are left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& out) const {
    const auto kept = out.kept();
    return AnyLayer<Scalar>(ColumnScale(scale()(kept), shift()(kept)));
  }

 private:
  ShapeGuard shape_;
  Parameter<Vector<Scalar>> scale_;
  Parameter<Vector<Scalar>> shift_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

/// Y = X Wᵀ + 1 bᵀ with only the weights stored that are not 0: what compaction makes of a linear layer with few.
template <std::floating_point Scalar_>
class SparseLinear {
 public:
  using Scalar = Scalar_;                                            ///< float or double
  using Weight = Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int>;  ///< outputs × inputs
  static constexpr std::string_view type_name = "SparseLinear";      ///< the name in stored networks and reports

  /// The entries of a sparse matrix, which stay where they are.
  SparseLinear(Weight weights, const Vector<Scalar>& biases)
      : shape_(weights.rows(), weights.cols()), pattern_(std::move(weights)),
        values_(ParameterKind::weight, "values", pattern_.nonZeros(), 1),
        bias_(ParameterKind::bias, "bias", biases.size(), 1) {
    detail::require_shape("biases", biases.size(), 1, pattern_.rows(), 1);
    pattern_.makeCompressed();
    values_.value() = Eigen::Map<const Vector<Scalar>>(pattern_.valuePtr(), pattern_.nonZeros());
    bias_.value() = biases;
  }
  /// The weights that are not 0.
  SparseLinear(const Matrix<Scalar>& weights, const Vector<Scalar>& biases)
      : SparseLinear(Weight(weights.sparseView(Scalar(1), Scalar(0))), biases) {}

  /// Columns that come in.
  Index inputs() const { return pattern_.cols(); }
  /// Columns that go out. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a linear layer", columns, detail::to_text(inputs()));
    return pattern_.rows();
  }
  /// Multiplications and additions per sample.
  Index flops() const { return 2 * pattern_.nonZeros(); }
  /// The weights that are not 0, as a sparse matrix.
  auto weight() const {
    return Eigen::Map<const Weight>(pattern_.rows(), pattern_.cols(), pattern_.nonZeros(), pattern_.outerIndexPtr(),
                                    pattern_.innerIndexPtr(), values_.value().data());
  }
  /// A number per output.
  const auto& bias() const { return bias_.value(); }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("values", values_);
    v("bias", bias_);
  }

  /// The product.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    batch_.set(std::forward<X>(x));
    output_ = predict(batch_.get());
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// Adds to the gradients of weights and bias, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    detail::require_apart(input_gradient, upstream, batch_);
    const auto x = batch_.get();
    for (Index o = 0; o < pattern_.rows(); ++o) {
      for (int k = pattern_.outerIndexPtr()[o]; k < pattern_.outerIndexPtr()[o + 1]; ++k) {
        values_.gradient()(k) += upstream.col(o).dot(x.col(pattern_.innerIndexPtr()[k]));
      }
    }
    bias_.gradient() += upstream.colwise().sum().transpose();
    input_gradient = upstream * weight();
  }
  /// The product.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_columns(x, inputs());
    const auto& data = detail::as_matrix_of<Scalar>(x);
    if (x.rows() == 1) {  // as vectors: Eigen then goes the short way
      const Vector<Scalar> in = data.transpose();
      Vector<Scalar> out = bias_.value();
      out.noalias() += weight() * in;
      return out.transpose();
    }
    Matrix<Scalar> y = data * weight().transpose();
    y.rowwise() += bias_.value().transpose();
    return y;
  }

 private:
  ShapeGuard shape_;
  Weight pattern_;
  Parameter<Vector<Scalar>> values_;
  Parameter<Vector<Scalar>> bias_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
