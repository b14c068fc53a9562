// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include <l0/layers/conv2d.hpp>

namespace l0 {

namespace detail {

/// y = z_c w_c ⋆ x_c + b_c for every channel; `kernels` is channels × kernel positions, with z in it. Channels whose
/// kernel `is_closed(c)` cost nothing but their bias.
template <class Scalar, class Closed>
void depthwise_forward(const Window& window, const Matrix<Scalar>& kernels, const Scalar* bias, Closed&& is_closed,
                       const Scalar* x, Index samples, Scalar* y) {
  const Index in_plane = window.image().pixels() * samples;
  const Index out_plane = window.output_pixels() * samples;
  const Index out_row = window.output_width() * samples;
  for (Index c = 0; c < window.image().channels; ++c) {
    Eigen::Map<Vector<Scalar>>(y + c * out_plane, out_plane).setConstant(bias == nullptr ? Scalar(0) : bias[c]);
    if (is_closed(c)) continue;
    for (Index row = 0; row < window.output_height(); ++row) {
      for (Index k = 0; k < window.area(); ++k) {
        window.for_each_run(
            row, 0, window.output_width(), k / window.kernel().width, k % window.kernel().width,
            [&](Index output, Index pixel, Index count) {
              Eigen::Map<Vector<Scalar>>(y + c * out_plane + row * out_row + output * samples, count * samples) +=
                  kernels(c, k) * Eigen::Map<const Vector<Scalar>>(x + c * in_plane + pixel * samples, count * samples);
            });
      }
    }
  }
}

}  // namespace detail

/// A depthwise convolution with a gate per channel: y_c = b_c + z_c w_c ⋆ x_c, each channel with a kernel of its own.
///
/// X is samples × (channels · height · width), in the order of `ImageShape`; so is Y. The weight is channels × (kernel
/// height · kernel width). Closed channels are skipped in forward and backward, which is exact. Batches, buffers,
/// handles and assignment are as with `L0Conv2d`; weights start uniform in ±1/√(kernel height · kernel width).
template <std::floating_point Scalar_, GateDistribution Distribution = HardConcrete<Scalar_>,
          GateGrouping Grouping_ = PerOutput>
class L0DepthwiseConv2d : public GatedWeights<Gate<Distribution, 1>, Grouping_> {
  using Base = GatedWeights<Gate<Distribution, 1>, Grouping_>;

 public:
  using Scalar = Scalar_;                 ///< float or double
  using compactable = L0DepthwiseConv2d;  ///< see `Compactable`
  using Grouping = Grouping_;             ///< who shares a gate: PerOutput, or NoGates
  static_assert(std::same_as<Grouping, PerOutput> || std::same_as<Grouping, NoGates>,
                "l0: a depthwise convolution has a gate per channel, or none");
  static constexpr bool is_depthwise = true;  ///< each channel has a kernel of its own
  using Gates = typename Base::Gates;         ///< the array of gates
  using Base::bias;
  using Base::bias_gradient;
  using Base::effective_weight;
  using Base::gate;
  using Base::has_bias;
  using Base::has_gates;
  using Base::weight;
  using Base::weight_gradient;
  /// The name in stored networks and reports.
  static constexpr std::string_view type_name = has_gates ? "L0DepthwiseConv2d" : "DepthwiseConv2d";
  /// What can be set.
  using Options = std::conditional_t<has_gates, L0ConvOptions<Scalar, Distribution>, ConvOptions>;

  /// Throws `Error` for options outside their ranges and for a kernel that does not fit.
  L0DepthwiseConv2d(const ImageShape& image, Extent kernel, Rng& rng, const Options& options = {})
      : L0DepthwiseConv2d(detail::Window(image, kernel, options.stride, options.padding, options.dilation),
                          rng.next_stream(), rng, options) {}

  /// A convolution by these weights, of the shape that `weight()` has, and biases, none where that is empty.
  L0DepthwiseConv2d(const detail::Window& on, const Matrix<Scalar>& weights,
                    const Vector<Scalar>& biases) requires(!has_gates)
      : L0DepthwiseConv2d(on, 0, Rng(), {.bias = biases.size() > 0}) {
    this->set(weights, biases);
  }

  /// The shape of an image that comes in.
  const ImageShape& input_shape() const { return window_.image(); }
  /// The shape of an image that goes out.
  ImageShape output_shape() const { return {channels(), window_.output_height(), window_.output_width()}; }
  /// The size of the kernel.
  Extent kernel() const { return window_.kernel(); }
  /// Columns of X and of Y.
  Index inputs() const { return input_shape().size(); }
  /// Columns that go out.
  Index outputs() const { return output_shape().size(); }
  /// The same. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a convolution", columns, detail::to_text(inputs()));
    return outputs();
  }
  /// Kernel, stride and padding on the image.
  const detail::Window& window() const { return window_; }

  /// As `L0Conv2d::forward`.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::check_batch(x, inputs());
    if constexpr (has_gates) {
      gate().sample(noise);
      draw_ = gate().sample_number();
      kernels_ = gate().values().asDiagonal() * std::as_const(*this).weight();
    } else {
      kernels_ = std::as_const(*this).weight();
    }
    batch_.set(std::forward<X>(x));
    output_.resize(batch_.rows(), outputs());
    detail::depthwise_forward(
        window_, kernels_, bias_data(), [&](Index c) { return open(c) == 0; }, batch_.data(), batch_.rows(),
        output_.data());
    return output_;
  }

  /// As `L0Conv2d::backward`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    backward_batch(upstream, nullptr);
  }
  /// The same, and writes the gradient by the input into `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    backward_batch(upstream, &input_gradient);
  }

  /// Y with deterministic gates. Safe to call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::check_batch(x, inputs());
    detail::DenseBatch<Scalar> batch;
    batch.set(x);
    Matrix<Scalar> result(x.rows(), outputs());
    const auto z = this->gates().deterministic();
    detail::depthwise_forward(
        window_, effective_weight(), bias_data(), [&](Index c) { return has_gates && z(c) == 0; }, batch.data(),
        batch.rows(), result.data());
    return result;
  }

  /// Multiplications and additions per sample, weights that gates close left out.
  Index flops() const { return 2 * this->open_weights() * window().output_pixels(); }

  /// A constant input goes into the bias; an output without weights is one.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { columns(in).find_constants(out); }
  /// An output needs the inputs that it has weights for.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { columns(in).find_needs(in, out); }
  /// A layer without gates of the weights that are left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return columns(in).compacted(in, out);
  }

 private:
  detail::ConvolutionColumns<Scalar> columns(const Columns<Scalar>& in) const {
    return {window(), true, effective_weight(), this->bias_or_zero(), in};
  }

  L0DepthwiseConv2d(const detail::Window& window, std::uint64_t stream, const Rng& rng, const Options& options)
      : Base(window.image().channels, window.area(), Grouping{}, stream, rng, options,
             {window.image().channels, 1, window.kernel().height, window.kernel().width}),
        window_(window) {}

  Index channels() const { return window_.image().channels; }
  const Scalar* bias_data() const { return has_bias() ? bias().data() : nullptr; }
  /// The gate of channel c.
  Scalar open(Index c) const {
    if constexpr (has_gates) return gate().values()(c);
    return 1;
  }

  template <class Derived>
  void backward_batch(const Eigen::DenseBase<Derived>& given, Matrix<Scalar>* input_gradient) {
    if (batch_.empty()) detail::fail("backward", "called before forward", "a call of forward first");
    if constexpr (has_gates) detail::require_same_draw(gate().sample_number(), draw_, "forward");
    detail::require_shape("upstream", given.rows(), given.cols(), output_.rows(), outputs());
    upstream_.set(given.derived());
    if (input_gradient != nullptr) detail::require_apart(*input_gradient, upstream_.get(), batch_);
    const Index samples = batch_.rows();
    const Index in_plane = window_.image().pixels() * samples;
    const Index out_plane = window_.output_pixels() * samples;
    if (input_gradient != nullptr) input_gradient->setZero(samples, inputs());
    if (has_bias()) {
      bias_gradient() +=
          Eigen::Map<const Matrix<Scalar>>(upstream_.data(), out_plane, channels()).colwise().sum().transpose();
    }
    gate_gradient_.setZero(channels());
    for (Index c = 0; c < channels(); ++c) {
      const Scalar z = open(c);
      if (z == 0) continue;
      for (Index k = 0; k < window_.area(); ++k) {
        const Scalar gradient =
            backward_position(c, k, batch_.data() + c * in_plane, upstream_.data() + c * out_plane, samples,
                              input_gradient == nullptr ? nullptr : input_gradient->data() + c * in_plane);
        weight_gradient()(c, k) += gradient * z;
        gate_gradient_(c) += gradient * std::as_const(*this).weight()(c, k);
      }
    }
    if constexpr (has_gates) gate().backward(gate_gradient_);
  }

  /// The gradient with respect to kernels_(c, k); adds to that with respect to x, all of channel c, unless it is null.
  Scalar backward_position(Index c, Index k, const Scalar* x, const Scalar* upstream, Index samples,
                           Scalar* x_gradient) const {
    using Run = Eigen::Map<const Vector<Scalar>>;
    Scalar gradient = 0;
    for (Index row = 0; row < window_.output_height(); ++row) {
      window_.for_each_run(row, 0, window_.output_width(), k / kernel().width, k % kernel().width,
                           [&](Index output, Index pixel, Index count) {
                             const Index at = (row * window_.output_width() + output) * samples;
                             const Run above(upstream + at, count * samples);
                             gradient += above.dot(Run(x + pixel * samples, count * samples));
                             if (x_gradient != nullptr) {
                               Eigen::Map<Vector<Scalar>>(x_gradient + pixel * samples, count * samples) +=
                                   kernels_(c, k) * above;
                             }
                           });
    }
    return gradient;
  }

  detail::Window window_;

  // Kept from forward for backward.
  std::uint64_t draw_ = 0;
  Matrix<Scalar> kernels_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;

  // Scratch.
  detail::DenseBatch<Scalar> upstream_;
  Vector<Scalar> gate_gradient_;
};

/// A depthwise convolution without gates, `L0DepthwiseConv2d` in everything else.
template <std::floating_point Scalar>
using DepthwiseConv2d = L0DepthwiseConv2d<Scalar, HardConcrete<Scalar>, NoGates>;

}  // namespace l0
