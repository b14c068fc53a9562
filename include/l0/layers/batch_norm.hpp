// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <string_view>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/visit.hpp>
#include <l0/gates/gated.hpp>
#include <l0/layers/columns.hpp>
#include <l0/layers/image.hpp>

namespace l0 {

/// Options of `BatchNorm`.
struct BatchNormOptions {
  double epsilon = 1e-5;  ///< added to the variance, > 0
  double momentum = 0.1;  ///< share of a batch in the running mean and variance, in [0, 1]
};

/// Batch normalisation: y = w_c (x − m_c)/√(v_c + ε) + b_c for every number of channel c, with mean m and variance v of
/// the channel over the batch in training, and over what was seen in training in prediction.
///
/// A batch is samples × (channels · pixels), channel by channel as in `ImageShape`, so one class is the normalisation
/// of columns (a pixel per channel) and of images. The running variance is that of a sample, with one less in the
/// denominator, as PyTorch has it; a batch of one number per channel leaves the running values as they are. w starts at
/// 1, b at 0. `compact` puts the layer into the one before or after it.
///
///     l0::Sequential net{l0::L0Conv2d<float>(image, 16, 3, rng, {.bias = false}), l0::BatchNorm<float>(16),
///     l0::Relu{}};
///
/// Source: Ioffe & Szegedy, ICML 2015, arXiv:1502.03167, algorithms 1 and 2.
template <std::floating_point Scalar_>
class BatchNorm : public VisitedModel<BatchNorm<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                                     ///< float or double
  using compactable = BatchNorm;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "BatchNorm";  ///< the name in stored networks and reports
  using Options = BatchNormOptions;                           ///< what can be set

  /// Throws `Error` for fewer than one channel and options outside their ranges.
  explicit BatchNorm(Index channels, const Options& options = {})
      : shape_((detail::require(channels >= 1, "channels", channels, "a number >= 1"), channels), 1),
        epsilon_(options.epsilon), momentum_(options.momentum), weight_(ParameterKind::weight, "weight", channels, 1),
        bias_(ParameterKind::bias, "bias", channels, 1), mean_{Vector<Scalar>::Zero(channels)},
        variance_{Vector<Scalar>::Ones(channels)} {
    detail::require_positive("epsilon", options.epsilon);
    detail::require(options.momentum >= 0 && options.momentum <= 1, "momentum", options.momentum, "a share in [0, 1]");
    weight_.value().setOnes();
  }

  /// How many channels there are.
  Index channels() const { return weight_.size(); }
  /// As many as come in. Throws `Error` unless they are whole channels.
  Index outputs(Index columns) const {
    detail::require(columns % channels() == 0, "columns of a batch normalisation", columns,
                    "a multiple of its " + detail::to_text(channels()) + " channels");
    return columns;
  }
  /// What is added to the variance.
  double epsilon() const { return epsilon_; }
  /// w, a factor per channel.
  auto& scale() { return weight_.value(); }
  /// w, a factor per channel.
  const auto& scale() const { return weight_.value(); }
  /// b, a summand per channel.
  auto& shift() { return bias_.value(); }
  /// b, a summand per channel.
  const auto& shift() const { return bias_.value(); }
  /// The mean of every channel in prediction.
  Vector<Scalar>& running_mean() { return mean_.value; }
  /// The mean of every channel in prediction.
  const Vector<Scalar>& running_mean() const { return mean_.value; }
  /// The variance of every channel in prediction.
  Vector<Scalar>& running_variance() { return variance_.value; }
  /// The variance of every channel in prediction.
  const Vector<Scalar>& running_variance() const { return variance_.value; }

  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("weight", weight_);
    v("bias", bias_);
    v("running_mean", mean_);
    v("running_var", variance_);
    v("eps", std::as_const(epsilon_));
    v("momentum", momentum_, Range{.above = -1, .at_most = 1, .expectation = "a share in [0, 1]"});
  }

  /// Normalises by the batch, and takes its mean and variance into the running ones.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    const Index size = outputs(x.cols()) / channels() * x.rows();  // numbers of a channel, neighbours in memory
    detail::DenseBatch<Scalar> batch;
    batch.set(x);
    normal_.resize(x.rows(), x.cols());
    output_.resize(x.rows(), x.cols());
    inverse_.resize(channels());
    const Scalar share = size == 0 ? Scalar(0) : 1 / static_cast<Scalar>(size);
    const auto rate = static_cast<Scalar>(momentum_);
    for (Index c = 0; c < channels(); ++c) {
      const Eigen::Map<const Vector<Scalar>> in(batch.data() + c * size, size);
      Eigen::Map<Vector<Scalar>> normal(normal_.data() + c * size, size);
      const Scalar mean = in.sum() * share;
      normal = in.array() - mean;
      const Scalar variance = normal.squaredNorm() * share;
      inverse_(c) = 1 / std::sqrt(variance + static_cast<Scalar>(epsilon_));
      normal *= inverse_(c);
      Eigen::Map<Vector<Scalar>>(output_.data() + c * size, size) =
          normal.array() * std::as_const(*this).scale()(c) + std::as_const(*this).shift()(c);
      if (size > 1) {
        mean_.value(c) += rate * (mean - mean_.value(c));
        variance_.value(c) +=
            rate * (variance * static_cast<Scalar>(size) / static_cast<Scalar>(size - 1) - variance_.value(c));
      }
    }
    last_.set(x.rows(), x.cols());
    return output_;
  }

  /// Adds to the gradients of w and b, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    detail::require_apart(input_gradient, upstream, detail::DenseBatch<Scalar>());
    input_gradient.resize(upstream.rows(), upstream.cols());
    const Index size = upstream.size() / channels();
    const Scalar share = size == 0 ? Scalar(0) : 1 / static_cast<Scalar>(size);
    for (Index c = 0; c < channels(); ++c) {
      const Eigen::Map<const Vector<Scalar>> above(upstream.data() + c * size, size);
      const Eigen::Map<const Vector<Scalar>> normal(std::as_const(normal_).data() + c * size, size);
      const Scalar along = above.dot(normal);
      const Scalar sum = above.sum();
      weight_.gradient()(c) += along;
      bias_.gradient()(c) += sum;
      Eigen::Map<Vector<Scalar>>(input_gradient.data() + c * size, size) =
          std::as_const(*this).scale()(c) * inverse_(c) *
          (above.array() - sum * share - normal.array() * (along * share));
    }
  }

  /// Normalises by the running mean and variance.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    const Index pixels = outputs(x.cols()) / channels();
    const Matrix<Scalar> line = factors();
    Matrix<Scalar> y = detail::as_matrix_of<Scalar>(x);
    for (Index j = 0; j < y.cols(); ++j)
      y.col(j).array() = y.col(j).array() * line(0, j / pixels) + line(1, j / pixels);
    return y;
  }

  /// In prediction every channel is scaled and shifted.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    const Matrix<Scalar> line = factors();
    const Index pixels = in.size() / channels();
    for (Index j = 0; j < in.size(); ++j) {
      const Index c = j / pixels;
      if (line(0, c) == 0 || in.is_constant(j)) out.set_constant(j, in.value(j) * line(0, c) + line(1, c));
    }
  }
  /// A channel needs itself, whole, so that it can go into the layer before.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    const Index pixels = in.size() / channels();
    for (Index c = 0; c < channels(); ++c) {
      if (out.is_channel_needed(c, pixels)) in.need(c * pixels, pixels);
    }
  }
  /// A `ColumnScale` of what is left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& out) const {
    const Matrix<Scalar> line = factors();
    const Index pixels = out.size() / channels();
    out.keep_channels(pixels);
    const auto kept = out.kept();
    Vector<Scalar> factor(static_cast<Index>(kept.size())), summand(static_cast<Index>(kept.size()));
    for (std::size_t k = 0; k < kept.size(); ++k) {
      factor(static_cast<Index>(k)) = line(0, kept[k] / pixels);
      summand(static_cast<Index>(k)) = line(1, kept[k] / pixels);
    }
    return AnyLayer<Scalar>(ColumnScale<Scalar>(factor, summand));
  }

 private:
  /// What x is multiplied by in prediction, and what is added.
  Matrix<Scalar> factors() const {
    Matrix<Scalar> line(2, channels());
    line.row(0) = (scale().array() / (variance_.value.array() + static_cast<Scalar>(epsilon_)).sqrt()).transpose();
    line.row(1) = shift().transpose() - line.row(0).cwiseProduct(mean_.value.transpose());
    return line;
  }

  ShapeGuard shape_;
  double epsilon_;
  double momentum_;
  Parameter<Vector<Scalar>> weight_;
  Parameter<Vector<Scalar>> bias_;
  Buffer<Vector<Scalar>> mean_;
  Buffer<Vector<Scalar>> variance_;
  Vector<Scalar> inverse_;  // 1/√(v + ε) of the last batch
  Matrix<Scalar> normal_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
