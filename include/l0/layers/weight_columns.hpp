// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include <l0/layers/columns.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/linear.hpp>

/// \file
/// How layers with weights are built smaller (see compaction.hpp): constants that they read go into their biases,
/// weights of 0 read nothing, and what nothing reads is left out. Templates on the scalar alone, compiled once for all
/// gates.

namespace l0::detail {

/// Weights as in prediction, with the constants that come in folded into the bias.
template <class Scalar>
struct LinearColumns {
  Matrix<Scalar> weight;
  Vector<Scalar> bias;

  LinearColumns(Matrix<Scalar> w, Vector<Scalar> b, const Columns<Scalar>& in)
      : weight(std::move(w)), bias(std::move(b)) {
    for (Index j = 0; j < weight.cols(); ++j) {
      if (!in.is_constant(j)) continue;
      bias += weight.col(j) * in.value(j);
      weight.col(j).setZero();
    }
  }

  void find_constants(Columns<Scalar>& out) const {
    for (Index o = 0; o < weight.rows(); ++o) {
      if ((weight.row(o).array() == 0).all()) out.set_constant(o, bias(o));
    }
  }
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index j = 0; j < weight.cols(); ++j) {
      for (Index o = 0; o < weight.rows(); ++o) {
        if (weight(o, j) != 0 && out.is_needed(o)) in.need(j);
      }
    }
  }
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, const Columns<Scalar>& out) const {
    const auto from = in.kept();
    const auto to = out.kept();
    Matrix<Scalar> small = weight(to, from);
    Vector<Scalar> small_bias = bias(to);
    const auto used = static_cast<Scalar>((small.array() != 0).count());
    if (used < static_cast<Scalar>(out.sparse_below) * static_cast<Scalar>(small.size())) {
      return AnyLayer<Scalar>(SparseLinear<Scalar>(small, small_bias));
    }
    return AnyLayer<Scalar>(Linear<Scalar>(small, small_bias));
  }
};

/// The same for a convolution. A constant channel other than 0 under zero padding gives results that differ at the
/// border, so it is not folded: the convolution reads it.
template <class Scalar>
struct ConvolutionColumns {
  Window window;
  bool is_depthwise;
  Matrix<Scalar> weight;
  Vector<Scalar> bias;

  ConvolutionColumns(const Window& on, bool depthwise, Matrix<Scalar> w, Vector<Scalar> b, const Columns<Scalar>& in)
      : window(on), is_depthwise(depthwise), weight(std::move(w)), bias(std::move(b)) {
    for (Index c = 0; c < window.image().channels; ++c) {
      if (!in.is_channel_constant(c, in_pixels())) continue;
      const Scalar value = in.value(c * in_pixels());
      if (value != 0 && window.is_padded()) continue;
      for (Index o = 0; o < bias.size(); ++o) {
        if (!connected(o, c)) continue;
        bias(o) += value * kernel(o, c).sum();
        kernel(o, c).setZero();
      }
    }
  }

  Index in_pixels() const { return window.image().pixels(); }
  Index out_pixels() const { return window.output_pixels(); }
  bool connected(Index o, Index c) const { return !is_depthwise || o == c; }
  auto kernel(Index o, Index c) { return weight.row(o).segment((is_depthwise ? 0 : c) * window.area(), window.area()); }
  auto kernel(Index o, Index c) const {
    return weight.row(o).segment((is_depthwise ? 0 : c) * window.area(), window.area());
  }

  void find_constants(Columns<Scalar>& out) const {
    for (Index o = 0; o < bias.size(); ++o) {
      if ((weight.row(o).array() == 0).all()) out.set_channel_constant(o, out_pixels(), bias(o));
    }
  }
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index o = 0; o < bias.size(); ++o) {
      if (!out.is_channel_needed(o, out_pixels())) continue;
      for (Index c = 0; c < window.image().channels; ++c) {
        if (connected(o, c) && (kernel(o, c).array() != 0).any()) in.need(c * in_pixels(), in_pixels());
      }
    }
  }
  AnyLayer<Scalar> compacted(const Columns<Scalar>& given, Columns<Scalar>& out) const {
    Columns<Scalar> in = given;
    const auto channels = in.keep_channels(in_pixels());
    const auto outputs = out.keep_channels(out_pixels());
    std::vector<Index> positions;
    for (const Index c : is_depthwise ? std::vector<Index>{0} : channels) {
      for (Index k = 0; k < window.area(); ++k) positions.push_back(c * window.area() + k);
    }
    const Window small = window.with_channels(static_cast<Index>(channels.size()));
    if (is_depthwise) {
      return AnyLayer<Scalar>(DepthwiseConv2d<Scalar>(small, weight(outputs, positions), bias(outputs)));
    }
    return AnyLayer<Scalar>(Conv2d<Scalar>(small, weight(outputs, positions), bias(outputs)));
  }
};

/// The numbers of the channels of a scale, a column per channel of `pixels` columns; empty where they differ within
/// one.
template <class Scalar>
Matrix<Scalar> scale_of_channels(const ColumnScale<Scalar>& scale, Index pixels) {
  const Index channels = scale.inputs() / pixels;
  Matrix<Scalar> result(2, channels);
  for (Index c = 0; c < channels; ++c) {
    result.col(c) << scale.scale()(c * pixels), scale.shift()(c * pixels);
    for (Index j = c * pixels; j < (c + 1) * pixels; ++j) {
      if (scale.scale()(j) != result(0, c) || scale.shift()(j) != result(1, c)) return {};
    }
  }
  return result;
}

/// Puts a scale of what a layer gives into its weights. False where it has none that could take it.
template <class Scalar>
bool fold_after(AnyLayer<Scalar>& layer, const ColumnScale<Scalar>& scale) {
  const auto rows = [&](auto& weighted, Index pixels) {
    const Matrix<Scalar> of = scale_of_channels(scale, pixels);
    if (of.cols() != weighted.weight().rows() || !weighted.has_bias()) return false;
    weighted.weight() = of.row(0).asDiagonal() * Matrix<Scalar>(weighted.weight());
    weighted.bias() = of.row(0).transpose().cwiseProduct(Vector<Scalar>(weighted.bias())) + of.row(1).transpose();
    return true;
  };
  if (auto* linear = layer.template get_if<Linear<Scalar>>()) return rows(*linear, 1);
  if (auto* conv = layer.template get_if<Conv2d<Scalar>>()) return rows(*conv, conv->window().output_pixels());
  if (auto* conv = layer.template get_if<DepthwiseConv2d<Scalar>>()) return rows(*conv, conv->window().output_pixels());
  if (const auto* linear = layer.template get_if<SparseLinear<Scalar>>()) {
    const Matrix<Scalar> weight = scale.scale().asDiagonal() * Matrix<Scalar>(linear->weight());
    const Vector<Scalar> bias = scale.scale().cwiseProduct(linear->bias()) + scale.shift();
    layer = AnyLayer<Scalar>(SparseLinear<Scalar>(weight, bias));
    return true;
  }
  return false;
}

/// Puts a scale of what a layer takes into its weights. False where it has none that could take it: under zero padding
/// a shifted channel differs at the border.
template <class Scalar>
bool fold_before(AnyLayer<Scalar>& layer, const ColumnScale<Scalar>& scale) {
  if (auto* linear = layer.template get_if<Linear<Scalar>>()) {
    if (!linear->has_bias()) return false;
    linear->bias() += std::as_const(*linear).weight() * scale.shift();
    linear->weight() = Matrix<Scalar>(linear->weight()) * scale.scale().asDiagonal();
    return true;
  }
  if (const auto* linear = layer.template get_if<SparseLinear<Scalar>>()) {
    const Matrix<Scalar> weight(linear->weight());
    const Vector<Scalar> bias = linear->bias() + weight * scale.shift();
    layer = AnyLayer<Scalar>(SparseLinear<Scalar>(weight * scale.scale().asDiagonal(), bias));
    return true;
  }
  if (auto* conv = layer.template get_if<Conv2d<Scalar>>()) {
    const Matrix<Scalar> of = scale_of_channels(scale, conv->window().image().pixels());
    const Index area = conv->window().area();
    if (of.cols() * area != conv->weight().cols() || !conv->has_bias()) return false;
    if (conv->window().is_padded() && !of.row(1).isZero(0)) return false;
    for (Index j = 0; j < conv->weight().cols(); ++j) {
      conv->bias() += conv->weight().col(j) * of(1, j / area);
      conv->weight().col(j) *= of(0, j / area);
    }
    return true;
  }
  return false;
}

}  // namespace l0::detail
