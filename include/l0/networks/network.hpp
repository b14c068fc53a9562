// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/layers/convolution.hpp>
#include <l0/layers/depthwise_conv2d.hpp>

namespace l0 {

/// Some columns of the batch, in order.
struct SelectColumns {
  std::vector<Index> columns;  ///< of the input, ascending

  /// Columns that go out.
  Index outputs() const { return static_cast<Index>(columns.size()); }
  /// Multiplications and additions per sample.
  Index flops() const { return 0; }

  /// Computes y, samples × outputs.
  template <class X, class Scalar>
  void apply(const X& x, Matrix<Scalar>& y) const {
    y.resize(x.rows(), outputs());
    for (Index k = 0; k < outputs(); ++k) y.col(k) = x.col(columns[static_cast<std::size_t>(k)]);
  }
};

/// Y = X Wᵀ + 1 bᵀ with W outputs × inputs, dense or, in `sparse`, with only the weights that are not 0.
template <class Scalar>
struct DenseOrSparseLinear {
  Matrix<Scalar> weight;                                     ///< outputs × inputs; empty if sparse
  Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int> sparse;  ///< the same, where that is faster
  bool is_sparse = false;                                    ///< which of the two is used
  Vector<Scalar> bias;                                       ///< a number per output (channel)

  /// Columns that go out.
  Index outputs() const { return bias.size(); }
  /// Multiplications and additions per sample.
  Index flops() const { return 2 * (is_sparse ? sparse.nonZeros() : weight.size()); }

  /// Computes y, samples × outputs.
  void apply(const Matrix<Scalar>& x, Matrix<Scalar>& y) const;
};

template <class Scalar>
void DenseOrSparseLinear<Scalar>::apply(const Matrix<Scalar>& x, Matrix<Scalar>& y) const {
  y.resize(x.rows(), outputs());
  if (x.rows() == 1) {  // as vectors: Eigen then goes the short way
    const Eigen::Map<const Vector<Scalar>> in(x.data(), x.size());
    Eigen::Map<Vector<Scalar>> out(y.data(), y.size());
    out = bias;
    if (is_sparse) {
      out.noalias() += sparse * in;
    } else {
      out.noalias() += weight * in;
    }
    return;
  }
  if (is_sparse) {
    y.noalias() = x * sparse.transpose();
  } else {
    y.noalias() = x * weight.transpose();
  }
  y.rowwise() += bias.transpose();
}

/// A convolution of the channels that are left; depthwise where every channel has one kernel of its own.
template <class Scalar>
struct SmallConvolution {
  detail::Window window;      ///< kernel, stride and padding on the image
  bool is_depthwise = false;  ///< each channel has a kernel of its own
  Matrix<Scalar> weight;      ///< outputs × (channels · kernel positions), depthwise channels × kernel positions
  Vector<Scalar> bias;        ///< a number per output (channel)

  /// Columns that go out.
  Index outputs() const { return bias.size() * window.output_pixels(); }
  /// Multiplications and additions per sample.
  Index flops() const { return 2 * weight.size() * window.output_pixels(); }

  /// Computes y, samples × outputs.
  void apply(const Matrix<Scalar>& x, Matrix<Scalar>& y) const;
};

template <class Scalar>
void SmallConvolution<Scalar>::apply(const Matrix<Scalar>& x, Matrix<Scalar>& y) const {
  y.resize(x.rows(), outputs());
  if (is_depthwise) {
    detail::depthwise_forward(
        window, weight, bias.data(), [](Index) { return false; }, x.data(), x.rows(), y.data());
    return;
  }
  detail::Convolution<Scalar> convolution(window, bias.size());
  convolution.kernels() = weight.transpose();
  convolution.forward(x.data(), x.rows(), bias.data(), y.data());
}

/// An activation, a pooling or a layer of the user's: anything without weights that could be made fewer.
template <class Scalar>
struct FixedFunction {
  Index columns;                                                             ///< of its result
  std::function<void(const Matrix<Scalar>& x, Matrix<Scalar>& y)> function;  ///< writes y given x

  /// Columns that go out.
  Index outputs() const { return columns; }
  /// Multiplications and additions per sample.
  Index flops() const { return 0; }
  /// Computes y, samples × outputs.
  void apply(const Matrix<Scalar>& x, Matrix<Scalar>& y) const { function(x, y); }
};

/// A network for prediction alone, made by `compact`: a list of layers from which everything closed is gone. It takes
/// the same batches as the network it was made from.
template <class Scalar_>
class CompactModel {
 public:
  using Scalar = Scalar_;  ///< float or double
  /// One stage.
  using Layer =
      std::variant<SelectColumns, DenseOrSparseLinear<Scalar>, SmallConvolution<Scalar>, FixedFunction<Scalar>>;

  /// A model of `inputs` columns; stages that fit each other.
  CompactModel(Index inputs, std::vector<Layer> layers) : inputs_(inputs), layers_(std::move(layers)) {}

  /// Columns of X, of the result, and what there is in between.
  Index inputs() const { return inputs_; }
  /// Columns that go out.
  Index outputs() const {
    return layers_.empty() ? inputs_ : std::visit([](const auto& layer) { return layer.outputs(); }, layers_.back());
  }
  /// The stages, in order.
  const std::vector<Layer>& layers() const { return layers_; }

  /// How many numbers the model stores: weights that are left and biases.
  Index parameter_count() const {
    Index total = 0;
    for (const auto& layer : layers_) {
      std::visit(
          [&](const auto& l) {
            if constexpr (requires { l.is_sparse; }) {
              total += (l.is_sparse ? l.sparse.nonZeros() : l.weight.size()) + l.bias.size();
            } else if constexpr (requires { l.weight; }) {
              total += l.weight.size() + l.bias.size();
            }
          },
          layer);
    }
    return total;
  }

  /// The result for samples × inputs() numbers, dense or sparse. Throws `Error` for another number of columns. Safe to
  /// call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::check_batch(x, inputs_);
    const auto& data = detail::as_matrix_of<Scalar>(x);
    Matrix<Scalar> now;
    Matrix<Scalar> next;
    auto layer = layers_.begin();
    if constexpr (!detail::is_sparse<X>) {  // no copy of columns that nothing reads
      if (layer != layers_.end() && std::holds_alternative<SelectColumns>(*layer)) {
        std::get<SelectColumns>(*layer++).apply(data, now);
      } else {
        now = data;
      }
    } else {
      now = data;
    }
    for (; layer != layers_.end(); ++layer) {
      std::visit([&](const auto& l) { l.apply(now, next); }, *layer);
      now.swap(next);
    }
    return now;
  }

 private:
  Index inputs_;
  std::vector<Layer> layers_;
};

/// Floating-point operations of one prediction: a multiplication and an addition per weight and output pixel.
/// Activations and poolings are not counted.
template <class Scalar>
Index flop_count(const CompactModel<Scalar>& model) {
  Index total = 0;
  for (const auto& layer : model.layers()) total += std::visit([](const auto& l) { return l.flops(); }, layer);
  return total;
}

L0_COMPILED(void DenseOrSparseLinear<float>::apply(const Matrix<float>&, Matrix<float>&) const);
L0_COMPILED(void DenseOrSparseLinear<double>::apply(const Matrix<double>&, Matrix<double>&) const);
L0_COMPILED(void SmallConvolution<float>::apply(const Matrix<float>&, Matrix<float>&) const);
L0_COMPILED(void SmallConvolution<double>::apply(const Matrix<double>&, Matrix<double>&) const);

}  // namespace l0
