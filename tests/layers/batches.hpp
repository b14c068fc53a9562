// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Every way in which a batch may be handed to a layer. Each struct stores the numbers in its own way and keeps them
/// for backward; `forward` gives them to the layer.

#include <Eigen/SparseCore>

#include <cstdint>

#include <l0/core/types.hpp>

namespace l0::test {

/// Matrices given as lvalues: referenced where the storage allows it.
template <class Stored>
struct GivenMatrix {
  static constexpr bool is_sparse = false;
  Stored stored{};

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<typename Layer::Scalar>& x, Noise& noise) {
    stored = x;
    return layer.forward(stored, noise);
  }
};

template <class Scalar>
using DenseColumns = GivenMatrix<Matrix<Scalar>>;
template <class Scalar>
using DenseRows = GivenMatrix<Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

struct Expression {
  static constexpr bool is_sparse = false;

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<typename Layer::Scalar>& x, Noise& noise) {
    using Scalar = typename Layer::Scalar;
    return layer.forward(Scalar(2) * (x * Scalar(0.5)), noise);
  }
};

/// A block of a larger matrix: columns further apart than they are long.
template <class Scalar, int order>
struct Block {
  static constexpr bool is_sparse = false;
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, order> around{};

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<Scalar>& x, Noise& noise) {
    around.setConstant(x.rows() + 3, x.cols() + 4, Scalar(99));
    auto block = around.block(1, 2, x.rows(), x.cols());
    block = x;
    return layer.forward(block, noise);
  }
};

/// A map of every second number in memory.
template <class Scalar>
struct StridedMap {
  static constexpr bool is_sparse = false;
  Vector<Scalar> memory{};

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<Scalar>& x, Noise& noise) {
    memory.setConstant(2 * x.size() + 2, Scalar(99));
    using Stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
    Eigen::Map<Matrix<Scalar>, 0, Stride> map(memory.data(), x.rows(), x.cols(), Stride(2 * x.rows(), 2));
    map = x;
    return layer.forward(map, noise);
  }
};

/// A sparse matrix with the entries of x that are not 0.
template <class Scalar, int order, class StorageIndex = int>
struct Sparse {
  static constexpr bool is_sparse = true;
  Eigen::SparseMatrix<Scalar, order, StorageIndex> stored{};

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<Scalar>& x, Noise& noise) {
    stored = x.sparseView().template cast<Scalar>();
    return layer.forward(stored, noise);
  }
};

/// The same with room left between the columns or rows.
template <class Scalar, int order>
struct SparseUncompressed {
  static constexpr bool is_sparse = true;
  Eigen::SparseMatrix<Scalar, order> stored{};

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<Scalar>& x, Noise& noise) {
    stored = x.sparseView();
    stored.reserve(Eigen::VectorXi::Constant(stored.outerSize(), 3));
    return layer.forward(stored, noise);
  }
};

template <class Scalar, int order>
struct SparseExpression {
  static constexpr bool is_sparse = true;

  template <class Layer, class Noise>
  const auto& forward(Layer& layer, const Matrix<Scalar>& x, Noise& noise) {
    const Eigen::SparseMatrix<Scalar, order> stored = x.sparseView();
    return layer.forward(Scalar(2) * (stored * Scalar(0.5)), noise);
  }
};

}  // namespace l0::test
