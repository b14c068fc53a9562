// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <string_view>
#include <vector>

#include <l0/core/math.hpp>
#include <l0/core/simd.hpp>
#include <l0/layers/image.hpp>

namespace l0 {

/// A fixed function of the batch without parameters: takes `inputs()` columns and gives `outputs()`. x and y are
/// samples × columns by columns; `differentiate` writes the gradient with respect to x, given that with respect to y.
template <class O>
concept FixedOperation = requires(const O operation, const double* in, double* out, Index samples) {
  { operation.inputs() } -> std::convertible_to<Index>;
  { operation.outputs() } -> std::convertible_to<Index>;
  operation.apply(in, samples, out);
  operation.differentiate(in, in, in, samples, out);
};

/// An operation on every channel by itself, which can be built for another number of them. `pools_channels` names the
/// type itself: one derived from it has to say so again.
template <class O>
concept PoolsChannels = FixedOperation<O> && std::same_as<typename O::pools_channels, O> &&
    requires(const O operation) {
  operation.with_channels(Index{});
  operation.input_shape();
  operation.output_shape();
  operation.window();
  { O::counts_padding } -> std::convertible_to<bool>;
};

/// Options of `MaxPool2d` and `AvgPool2d`.
struct PoolOptions {
  Extent stride = 0;   ///< from one window to the next, ≥ 1; 0: the size of the window
  Extent padding = 0;  ///< pixels around the image, ≥ 0, at most half the window
};

namespace detail {

/// The kernels below work on the samples of one output pixel and the input pixels in its window: `pixels` holds where
/// the samples of each begin. Blocks are as long as those of noise, and for the same reason.
inline constexpr Index pool_block = 64;

struct MaxPoolKernel {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, const Index* pixels, Index count, Index samples, Scalar* y) {
    for (Index n = 0; n < samples; ++n) y[n] = x[pixels[0] + n];
    for (Index k = 1; k < count; ++k) {
      const Scalar* from = x + pixels[k];
      for (Index n = 0; n < samples; ++n) y[n] = select(from[n] > y[n], from[n], y[n]);
    }
  }
};

/// The gradient goes to the first of several largest.
struct MaxPoolGradientKernel {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(const Scalar* x, const Index* pixels, Index count, Index samples, const Scalar* y,
                                   const Scalar* upstream, Scalar* gradient) {
    for (Index begin = 0; begin < samples; begin += pool_block) {
      const Index size = std::min(pool_block, samples - begin);
      Scalar rest[pool_block];
      for (Index n = 0; n < size; ++n) rest[n] = upstream[begin + n];
      for (Index k = 0; k < count; ++k) {
        const Scalar* from = x + pixels[k] + begin;
        Scalar* to = gradient + pixels[k] + begin;
        for (Index n = 0; n < size; ++n) {
          const Scalar share = select(from[n] == y[begin + n], rest[n], Scalar(0));
          to[n] += share;
          rest[n] = select(from[n] == y[begin + n], Scalar(0), rest[n]);
        }
      }
    }
  }
};

/// What the poolings share: where windows lie.
class Pooling {
 public:
  Pooling(const ImageShape& image, Extent kernel, const PoolOptions& options)
      : window_(image, kernel, options.stride == Extent(0) ? kernel : options.stride, options.padding, 1) {
    require(2 * options.padding.height <= kernel.height, "padding height", options.padding.height,
            "at most half the window");
    require(2 * options.padding.width <= kernel.width, "padding width", options.padding.width,
            "at most half the window");
  }

  const ImageShape& input_shape() const { return window_.image(); }
  ImageShape output_shape() const {
    return {window_.image().channels, window_.output_height(), window_.output_width()};
  }
  Index inputs() const { return input_shape().size(); }
  Index outputs() const { return output_shape().size(); }
  const Window& window() const { return window_; }

 protected:
  /// Calls use(pixels, count, y) for every output pixel: the offsets in x of the samples of the pixels in its window,
  /// and the offset in y of its own.
  template <class Use>
  void for_each_output(Index samples, Use&& use) const {
    constexpr Index fixed = 1024;  // windows beyond 32 × 32 take theirs from the heap
    Index small[fixed];
    std::vector<Index> large(static_cast<std::size_t>(window_.area() > fixed ? window_.area() : 0));
    Index* pixels = window_.area() > fixed ? large.data() : small;
    for (Index c = 0; c < window_.image().channels; ++c) {
      for (Index row = 0; row < window_.output_height(); ++row) {
        for (Index column = 0; column < window_.output_width(); ++column) {
          Index count = 0;
          window_.for_each_position(row, column, [&](Index, Index, Index pixel) {
            pixels[count++] = (c * window_.image().pixels() + pixel) * samples;
          });
          use(pixels, count, (c * window_.output_pixels() + row * window_.output_width() + column) * samples);
        }
      }
    }
  }

  template <class Pool>
  static Pool with_channels(Pool pool, Index channels) {
    pool.Pooling::window_ = pool.window_.with_channels(channels);
    return pool;
  }

 private:
  Window window_;
};

}  // namespace detail

/// The largest number in every window; padding never counts. An untyped value without state.
class MaxPool2d : public detail::Pooling {
 public:
  using pools_channels = MaxPool2d;                           ///< see `PoolsChannels`
  static constexpr bool counts_padding = false;               ///< padding never counts
  static constexpr std::string_view type_name = "MaxPool2d";  ///< the name in stored networks and reports

  /// Throws `Error` for a window that does not fit and for options outside their ranges.
  MaxPool2d(const ImageShape& image, Extent kernel, const PoolOptions& options = {})
      : Pooling(image, kernel, options) {}

  /// The same pooling of images with another number of channels.
  MaxPool2d with_channels(Index channels) const { return Pooling::with_channels(*this, channels); }

  /// Pools `samples` images of x into y.
  template <class Scalar>
  void apply(const Scalar* x, Index samples, Scalar* y) const {
    for_each_output(samples, [&](const Index* pixels, Index count, Index at) {
      detail::dispatch<detail::MaxPoolKernel>(x, pixels, count, samples, y + at);
    });
  }

  /// Writes the gradient by x, given x, y and the gradient by y.
  template <class Scalar>
  void differentiate(const Scalar* x, const Scalar* y, const Scalar* upstream, Index samples, Scalar* gradient) const {
    std::fill_n(gradient, samples * inputs(), Scalar(0));
    for_each_output(samples, [&](const Index* pixels, Index count, Index at) {
      detail::dispatch<detail::MaxPoolGradientKernel>(x, pixels, count, samples, y + at, upstream + at, gradient);
    });
  }
};

/// The mean of every window; padding counts as 0. An untyped value without state.
class AvgPool2d : public detail::Pooling {
 public:
  using pools_channels = AvgPool2d;                           ///< see `PoolsChannels`
  static constexpr bool counts_padding = true;                ///< padding counts as 0
  static constexpr std::string_view type_name = "AvgPool2d";  ///< the name in stored networks and reports

  /// Throws `Error` for a window that does not fit and for options outside their ranges.
  AvgPool2d(const ImageShape& image, Extent kernel, const PoolOptions& options = {})
      : Pooling(image, kernel, options) {}

  /// The same pooling of images with another number of channels.
  AvgPool2d with_channels(Index channels) const { return Pooling::with_channels(*this, channels); }

  /// Pools `samples` images of x into y.
  template <class Scalar>
  void apply(const Scalar* x, Index samples, Scalar* y) const {
    const Scalar share = 1 / static_cast<Scalar>(window().area());
    for_each_output(samples, [&](const Index* pixels, Index count, Index at) {
      Eigen::Map<Vector<Scalar>> to(y + at, samples);
      to.setZero();
      for (Index k = 0; k < count; ++k) to += share * Eigen::Map<const Vector<Scalar>>(x + pixels[k], samples);
    });
  }

  /// Writes the gradient by x, given x, y and the gradient by y.
  template <class Scalar>
  void differentiate(const Scalar* /*x*/, const Scalar* /*y*/, const Scalar* upstream, Index samples,
                     Scalar* gradient) const {
    const Scalar share = 1 / static_cast<Scalar>(window().area());
    std::fill_n(gradient, samples * inputs(), Scalar(0));
    for_each_output(samples, [&](const Index* pixels, Index count, Index at) {
      const Eigen::Map<const Vector<Scalar>> from(upstream + at, samples);
      for (Index k = 0; k < count; ++k) Eigen::Map<Vector<Scalar>>(gradient + pixels[k], samples) += share * from;
    });
  }
};

/// The mean of every channel: one column per channel goes out.
class GlobalAvgPool2d : public AvgPool2d {
 public:
  using pools_channels = GlobalAvgPool2d;  ///< see `PoolsChannels`

  /// Throws `Error` for an image without pixels.
  explicit GlobalAvgPool2d(const ImageShape& image) : AvgPool2d(image, {image.height, image.width}) {}
};

}  // namespace l0
