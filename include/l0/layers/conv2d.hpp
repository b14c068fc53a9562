// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <l0/gates/grouping.hpp>
#include <l0/layers/compaction.hpp>
#include <l0/layers/convolution.hpp>
#include <l0/layers/gated_weights.hpp>

namespace l0 {

/// Options of `L0Conv2d` and `L0DepthwiseConv2d`.
template <std::floating_point Scalar, GateDistribution Distribution = HardConcrete<Scalar>>
struct L0ConvOptions {
  bool bias = true;                    ///< add a bias per output channel, which is not gated
  Extent stride = 1;                   ///< from one output pixel to the next, ≥ 1
  Extent padding = 0;                  ///< pixels of value 0 around the image, ≥ 0
  Extent dilation = 1;                 ///< from one kernel position to the next, ≥ 1
  Scalar init_sparsity = Scalar(0.5);  ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Distribution gate{};                 ///< of every gate: `{.gate = {.temperature = 0.3}}`
  Initial initial = Initial::fan_in;   ///< where the weights start
};

/// Options of `Conv2d`, which has no gates.
struct ConvOptions {
  bool bias = true;                   ///< add a bias per output channel
  Extent stride = 1;                  ///< from one output pixel to the next, ≥ 1
  Extent padding = 0;                 ///< pixels of value 0 around the image, ≥ 0
  Extent dilation = 1;                ///< from one kernel position to the next, ≥ 1
  Initial initial = Initial::fan_in;  ///< where the weights start
};

/// One gate per input channel of a convolution, whose weights are `area` neighbouring columns; `L0Conv2d<Scalar,
/// PerInput>` uses it and sets the area.
struct PerInputChannel {
  static constexpr int gate_columns = 1;  ///< columns of the array of gates
  Index area = 1;                         ///< pixels of the kernel

  /// Rows and columns of the gates of a layer. Throws `Error` if the grouping does not fit it.
  std::pair<Index, Index> bind(Index /*outputs*/, Index inputs) { return {inputs / area, 1}; }

  /// Whether every gate of input j is 0.
  template <class Gates>
  bool is_closed(Index j, const Gates& z) const {
    return z(j / area) == 0;
  }

  /// scaled = column j of W∘z.
  template <class Gates, class In, class Out>
  void scale_column(Index j, const Gates& z, const In& weight, Out&& scaled) const {
    scaled = weight * z(j / area);
  }
  /// Adds what the gradient of column j of W∘z means for W and for the gates.
  template <class Gates, class In, class Gradient, class Out, class GateGradient>
  void backward_column(Index j, const Gates& z, const In& weight, const Gradient& scaled_gradient,
                       Out&& weight_gradient, GateGradient& gate_gradient) const {
    weight_gradient += scaled_gradient * z(j / area);
    gate_gradient(j / area) += scaled_gradient.dot(weight);
  }
};

namespace detail {

/// What `L0Conv2d` makes of a grouping: PerInput means input channels.
template <class Grouping>
using ConvGrouping = std::conditional_t<std::is_same_v<Grouping, PerInput>, PerInputChannel, Grouping>;

}  // namespace detail

/// A two-dimensional convolution with gated weights: y_o = b_o + Σ_c (w_oc∘z_oc) ⋆ x_c, a cross-correlation as in every
/// network library, with zero padding.
///
/// X is samples × (channels · height · width), in the order of `ImageShape`; so is Y. The weight is a matrix, outputs ×
/// (channels · kernel height · kernel width), a flattened OIHW array. Gates are shared by `PerOutput` (a gate per
/// filter, the default), `PerInput` (per input channel), `PerWeight`, or `Groups` over that matrix.
///
/// Filters and input channels whose gates are all closed are skipped in forward and backward, which is exact. X given
/// as a column-major matrix is referenced until `backward`; everything else is copied into a buffer of the layer.
/// Patches of X are made anew in backward, a few at a time: beside its parameters and its output the layer keeps
/// little. No step allocates after the first with the same batch size.
///
/// For initial values, handles, moves and assignment see `GatedWeights`.
template <std::floating_point Scalar_, GateGrouping Grouping_ = PerOutput,
          GateDistribution Distribution = HardConcrete<Scalar_>>
class L0Conv2d : public GatedWeights<Gate<Distribution, detail::ConvGrouping<Grouping_>::gate_columns>,
                                     detail::ConvGrouping<Grouping_>> {
  using Base =
      GatedWeights<Gate<Distribution, detail::ConvGrouping<Grouping_>::gate_columns>, detail::ConvGrouping<Grouping_>>;

 public:
  using Scalar = Scalar_;        ///< float or double
  using compactable = L0Conv2d;  ///< see `Compactable`
  /// Who shares a gate; PerInput means input channels.
  using Grouping = detail::ConvGrouping<Grouping_>;
  using Gates = typename Base::Gates;  ///< the array of gates
  using Base::bias;
  using Base::bias_gradient;
  using Base::effective_weight;
  using Base::gate;
  using Base::has_bias;
  using Base::has_gates;
  using Base::weight;
  using Base::weight_gradient;
  /// The name in stored networks and reports.
  static constexpr std::string_view type_name = std::same_as<Grouping, NoGates> ? "Conv2d" : "L0Conv2d";
  /// What can be set.
  using Options = std::conditional_t<has_gates, L0ConvOptions<Scalar, Distribution>, ConvOptions>;

  /// Convolves images of shape `image` with `output_channels` filters of size `kernel`. Throws `Error` for options
  /// outside their ranges, for a kernel that does not fit and for groupings that do not fit.
  L0Conv2d(const ImageShape& image, Index output_channels, Extent kernel, Rng& rng, const Options& options = {},
           Grouping grouping = {}) requires std::default_initializable<Grouping>
      : L0Conv2d(image, output_channels, kernel, rng, std::move(grouping), options) {}

  /// The same with a grouping that has members of its own.
  L0Conv2d(const ImageShape& image, Index output_channels, Extent kernel, Rng& rng, Grouping grouping,
           const Options& options = {})
      : L0Conv2d(detail::Window(image, kernel, options.stride, options.padding, options.dilation),
                 checked_outputs(output_channels), rng.next_stream(), rng, std::move(grouping), options) {}

  /// A convolution by these weights, of the shape that `weight()` has, and biases, none where that is empty.
  L0Conv2d(const detail::Window& on, const Matrix<Scalar>& weights, const Vector<Scalar>& biases) requires(!has_gates)
      : L0Conv2d(on, weights.rows(), 0, Rng(), {}, {.bias = biases.size() > 0}) {
    this->set(weights, biases);
  }

  /// The shape of an image that comes in.
  const ImageShape& input_shape() const { return window().image(); }
  /// The shape of an image that goes out.
  ImageShape output_shape() const {
    return {this->shape().outputs(), window().output_height(), window().output_width()};
  }
  /// The size of the kernel.
  Extent kernel() const { return window().kernel(); }
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
  const detail::Window& window() const { return convolution_.window(); }

  /// Draws the gates and returns Y, a buffer of the layer, valid until the next call. Throws `Error` unless X has
  /// `inputs()` columns; then nothing is drawn. Builds with assertions also refuse NaN and infinity in dense X.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::check_batch(x, inputs());
    if constexpr (has_gates) {
      gate().sample(noise);
      draw_ = gate().sample_number();
    }
    batch_.set(std::forward<X>(x));
    output_.resize(batch_.rows(), outputs());
    apply(convolution_, values(), column_, batch_.data(), batch_.rows(), output_.data());
    return output_;
  }

  /// Adds the gradients of the weights, the bias and log α, given `upstream`, the gradient with respect to Y. May be
  /// called again after one forward; each call adds. Throws `Error` before a forward, after the gates were drawn again
  /// and for another shape.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    backward_batch(upstream, nullptr);
  }

  /// As above, and writes the gradient with respect to X to `input_gradient`.
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
    detail::Convolution<Scalar> convolution(window(), this->shape().outputs());
    Vector<Scalar> column;
    apply(convolution, this->gates().deterministic(), column, batch.data(), batch.rows(), result.data());
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
    return {window(), false, effective_weight(), this->bias_or_zero(), in};
  }

  L0Conv2d(const detail::Window& window, Index outputs, std::uint64_t stream, const Rng& rng, Grouping grouping,
           const Options& options)
      : Base(outputs, window.image().channels * window.area(), with_area(std::move(grouping), window.area()), stream,
             rng, options, {outputs, window.image().channels, window.kernel().height, window.kernel().width}),
        convolution_(window, outputs) {}

  static Index checked_outputs(Index outputs) {
    detail::require_size("output_channels", outputs);
    return outputs;
  }

  static Grouping with_area(Grouping grouping, Index area) {
    if constexpr (std::is_same_v<Grouping, PerInputChannel>) grouping.area = area;
    return grouping;
  }

  const typename Gates::Values& values() const {
    if constexpr (has_gates) return gate().values();
    return gate_gradient_;  // which nobody reads
  }

  /// Y for gates z; `scaled` is scratch.
  template <class Values>
  void apply(detail::Convolution<Scalar>& convolution, const Values& z, Vector<Scalar>& scaled, const Scalar* x,
             Index samples, Scalar* y) const {
    const Index area = window().area();
    convolution.select(
        [&](Index c) {
          for (Index k = 0; k < area; ++k) {
            if (!this->grouping().is_closed(c * area + k, z)) return false;
          }
          return true;
        },
        [&](Index o) {
          if constexpr (requires { this->grouping().is_output_closed(o, z); }) {
            return this->grouping().is_output_closed(o, z);
          } else {
            return false;
          }
        });
    auto kernels = convolution.kernels();
    scaled.resize(this->shape().outputs());
    Index row = 0;
    for (const Index c : convolution.open_channels()) {
      for (Index k = 0; k < area; ++k, ++row) {
        this->grouping().scale_column(c * area + k, z, weight().col(c * area + k), scaled.col(0));
        Index column = 0;
        for (const Index o : convolution.open_outputs()) kernels(row, column++) = scaled(o);
      }
    }
    convolution.forward(x, samples, has_bias() ? bias().data() : nullptr, y);
  }

  template <class Derived>
  void backward_batch(const Eigen::DenseBase<Derived>& given, Matrix<Scalar>* input_gradient) {
    if (batch_.empty()) detail::fail("backward", "called before forward", "a call of forward first");
    if constexpr (has_gates) detail::require_same_draw(gate().sample_number(), draw_, "forward");
    detail::require_shape("upstream", given.rows(), given.cols(), output_.rows(), outputs());
    upstream_.set(given.derived());
    if (input_gradient != nullptr) detail::require_apart(*input_gradient, upstream_.get(), batch_);
    const Index samples = batch_.rows();
    if (has_bias()) {
      const Index plane = window().output_pixels() * samples;
      bias_gradient() += Eigen::Map<const Matrix<Scalar>>(upstream_.data(), plane, this->shape().outputs())
                             .colwise()
                             .sum()
                             .transpose();
    }
    if (input_gradient != nullptr) input_gradient->resize(samples, inputs());
    const auto gradient = convolution_.backward(batch_.data(), samples, upstream_.data(),
                                                input_gradient == nullptr ? nullptr : input_gradient->data());
    gate_gradient_.setZero(this->gates().rows(), this->gates().columns());
    column_.setZero(this->shape().outputs());
    const Index area = window().area();
    Index row = 0;
    for (const Index c : convolution_.open_channels()) {
      for (Index j = c * area; j < (c + 1) * area; ++j, ++row) {
        Index column = 0;
        for (const Index o : convolution_.open_outputs()) column_(o) = gradient(row, column++);
        this->grouping().backward_column(j, values(), std::as_const(*this).weight().col(j), column_,
                                         weight_gradient().col(j), gate_gradient_);
      }
    }
    if constexpr (has_gates) gate().backward(gate_gradient_);
  }

  // Kept from forward for backward.
  std::uint64_t draw_ = 0;
  detail::Convolution<Scalar> convolution_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;

  // Scratch.
  detail::DenseBatch<Scalar> upstream_;
  Vector<Scalar> column_;
  typename Gates::Values gate_gradient_;
};

/// A convolution without gates, `L0Conv2d` in everything else.
///
///     l0::Conv2d<float> layer({1, 28, 28}, 20, {5, 5}, rng);
template <std::floating_point Scalar>
using Conv2d = L0Conv2d<Scalar, NoGates>;

}  // namespace l0
