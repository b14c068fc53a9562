// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <l0/layers/compaction.hpp>
#include <l0/layers/pooling.hpp>
#include <l0/networks/network.hpp>

/// \file
/// The parts of a network as `compact` sees them. Each stage answers three questions in turn: `find_constants`, front
/// to back, which of its results are constants; `find_needs`, back to front, which inputs matter for the results that
/// are needed; `given`, which results it gives where some are needed, and `build`, what is left of it when it takes the
/// inputs `in` and gives the results `out`. A constant input is folded into the bias of the layer that reads it.

namespace l0::detail {

/// When to store weights as a sparse matrix.
struct CompactRule {
  double sparse_below;
};

/// A linear layer with weights as in prediction.
template <class Scalar>
struct LinearStage {
  Matrix<Scalar> weight;
  Vector<Scalar> bias;

  Index outputs() const { return weight.rows(); }

  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) {
    for (Index j = 0; j < weight.cols(); ++j) {
      if (!in.constant(j)) continue;
      bias += weight.col(j) * in.constant_value(j);
      weight.col(j).setZero();
    }
    for (Index o = 0; o < weight.rows(); ++o) {
      if ((weight.row(o).array() == 0).all()) out.set_constant(o, bias(o));
    }
  }

  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index j = 0; j < weight.cols(); ++j) {
      for (Index o = 0; o < weight.rows(); ++o) {
        if (out.needed(o) && weight(o, j) != 0) in.need(j, 1);
      }
    }
  }

  std::vector<Index> given(std::vector<Index> needed) const { return needed; }

  typename CompactModel<Scalar>::Layer build(const std::vector<Index>& in, const std::vector<Index>& out,
                                             const CompactRule& rule) const {
    DenseOrSparseLinear<Scalar> small;
    small.weight = weight(out, in);
    small.bias = bias(out);
    const auto used = static_cast<double>((small.weight.array() != 0).count());
    if (used < rule.sparse_below * static_cast<double>(small.weight.size())) {
      small.sparse = small.weight.sparseView(Scalar(1), Scalar(0));
      small.sparse.makeCompressed();
      small.weight.resize(0, 0);
      small.is_sparse = true;
    }
    return small;
  }
};

/// A convolution with weights as in prediction. A constant channel other than 0 under zero padding gives results that
/// differ at the border, so it cannot be folded and stays.
template <class Scalar>
struct ConvolutionStage {
  Window window;
  bool is_depthwise;
  Matrix<Scalar> weight;
  Vector<Scalar> bias;

  Index outputs() const { return bias.size() * window.output_pixels(); }
  Index in_pixels() const { return window.image().pixels(); }
  Index out_pixels() const { return window.output_pixels(); }
  /// The weights that output o has for channel c.
  auto kernel(Index o, Index c) { return weight.row(o).segment((is_depthwise ? 0 : c) * window.area(), window.area()); }
  auto kernel(Index o, Index c) const {
    return weight.row(o).segment((is_depthwise ? 0 : c) * window.area(), window.area());
  }
  bool connected(Index o, Index c) const { return !is_depthwise || o == c; }

  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) {
    for (Index c = 0; c < window.image().channels; ++c) {
      if (!in.channel_constant(c, in_pixels())) continue;
      const Scalar value = in.constant_value(c * in_pixels());
      if (value != 0 && window.is_padded()) continue;
      for (Index o = 0; o < bias.size(); ++o) {
        if (!connected(o, c)) continue;
        bias(o) += value * kernel(o, c).sum();
        kernel(o, c).setZero();
      }
    }
    for (Index o = 0; o < bias.size(); ++o) {
      if ((weight.row(o).array() == 0).all()) out.set_channel_constant(o, out_pixels(), bias(o));
    }
  }

  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index o = 0; o < bias.size(); ++o) {
      if (!out.channel_needed(o, out_pixels())) continue;
      for (Index c = 0; c < window.image().channels; ++c) {
        if (!connected(o, c)) continue;
        if (is_depthwise || (kernel(o, c).array() != 0).any()) in.need(c * in_pixels(), in_pixels());
      }
    }
  }

  std::vector<Index> given(const std::vector<Index>& needed) const { return whole_channels(needed, out_pixels()); }

  typename CompactModel<Scalar>::Layer build(const std::vector<Index>& in, const std::vector<Index>& out,
                                             const CompactRule&) const {
    const std::vector<Index> channels = channels_of(in, in_pixels());
    const std::vector<Index> outputs = channels_of(out, out_pixels());
    std::vector<Index> positions;
    for (const Index c : is_depthwise ? std::vector<Index>{0} : channels) {
      for (Index k = 0; k < window.area(); ++k) positions.push_back(c * window.area() + k);
    }
    return SmallConvolution<Scalar>{window.with_channels(static_cast<Index>(channels.size())), is_depthwise,
                                    weight(outputs, positions), bias(outputs)};
  }

  static std::vector<Index> channels_of(const std::vector<Index>& columns, Index pixels) {
    std::vector<Index> channels;
    for (const Index column : columns) {
      if (channels.empty() || channels.back() != column / pixels) channels.push_back(column / pixels);
    }
    return channels;
  }
};

/// An activation.
template <class Scalar>
struct ActivationStage {
  std::function<void(const Scalar* x, Scalar* y, Index size)> function;
  Index columns;

  Index outputs() const { return columns; }

  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index j = 0; j < in.size(); ++j) {
      if (!in.constant(j)) continue;
      const Scalar x = in.constant_value(j);
      Scalar y = 0;
      function(&x, &y, 1);
      out.set_constant(j, y);
    }
  }
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.is_needed = out.is_needed; }

  std::vector<Index> given(std::vector<Index> needed) const { return needed; }
  typename CompactModel<Scalar>::Layer build(const std::vector<Index>&, const std::vector<Index>& out,
                                             const CompactRule&) const {
    return FixedFunction<Scalar>{static_cast<Index>(out.size()),
                                 [f = function](const Matrix<Scalar>& x, Matrix<Scalar>& y) {
                                   y.resize(x.rows(), x.cols());
                                   f(x.data(), y.data(), x.size());
                                 }};
  }
};

/// Columns scaled one by one, as by a `FeatureGate`.
template <class Scalar>
struct ScaleStage {
  Vector<Scalar> scale;

  Index outputs() const { return scale.size(); }

  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index j = 0; j < in.size(); ++j) {
      if (scale(j) == 0) {
        out.set_constant(j, 0);
      } else if (in.constant(j)) {
        out.set_constant(j, in.constant_value(j) * scale(j));
      }
    }
  }
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.is_needed = out.is_needed; }

  std::vector<Index> given(std::vector<Index> needed) const { return needed; }
  typename CompactModel<Scalar>::Layer build(const std::vector<Index>&, const std::vector<Index>& out,
                                             const CompactRule&) const {
    return FixedFunction<Scalar>{static_cast<Index>(out.size()),
                                 [small = Vector<Scalar>(scale(out))](const Matrix<Scalar>& x, Matrix<Scalar>& y) {
                                   y = x * small.asDiagonal();
                                 }};
  }
};

/// A pooling. The mean of a constant under zero padding differs at the border.
template <class Scalar, class Pool>
struct PoolStage {
  Pool pool;

  Index outputs() const { return pool.outputs(); }
  Index in_pixels() const { return pool.input_shape().pixels(); }
  Index out_pixels() const { return pool.output_shape().pixels(); }

  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index c = 0; c < pool.input_shape().channels; ++c) {
      if (!in.channel_constant(c, in_pixels())) continue;
      const Scalar value = in.constant_value(c * in_pixels());
      if (std::is_same_v<Pool, MaxPool2d> || value == 0 || !pool.window().is_padded()) {
        out.set_channel_constant(c, out_pixels(), value);
      }
    }
  }
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index c = 0; c < pool.input_shape().channels; ++c) {
      if (out.channel_needed(c, out_pixels())) in.need(c * in_pixels(), in_pixels());
    }
  }
  std::vector<Index> given(const std::vector<Index>& needed) const { return whole_channels(needed, out_pixels()); }
  typename CompactModel<Scalar>::Layer build(const std::vector<Index>& in, const std::vector<Index>&,
                                             const CompactRule&) const {
    const Pool small = pool.with_channels(static_cast<Index>(in.size()) / in_pixels());
    return FixedFunction<Scalar>{small.outputs(), [small](const Matrix<Scalar>& x, Matrix<Scalar>& y) {
                                   y.resize(x.rows(), small.outputs());
                                   small.apply(x.data(), x.rows(), y.data());
                                 }};
  }
};

/// A layer or operation of the user's: kept whole.
template <class Scalar>
struct WholeStage {
  FixedFunction<Scalar> function;

  Index outputs() const { return function.columns; }
  void find_constants(const Columns<Scalar>&, Columns<Scalar>&) const {}
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>&) const { in.need(0, in.size()); }
  std::vector<Index> given(const std::vector<Index>&) const {
    std::vector<Index> all(static_cast<std::size_t>(outputs()));
    for (std::size_t j = 0; j < all.size(); ++j) all[j] = static_cast<Index>(j);
    return all;
  }
  typename CompactModel<Scalar>::Layer build(const std::vector<Index>&, const std::vector<Index>&,
                                             const CompactRule&) const {
    return function;
  }
};

template <class Scalar>
using Stage = std::variant<LinearStage<Scalar>, ConvolutionStage<Scalar>, ActivationStage<Scalar>, ScaleStage<Scalar>,
                           PoolStage<Scalar, MaxPool2d>, PoolStage<Scalar, AvgPool2d>, WholeStage<Scalar>>;

}  // namespace l0::detail
