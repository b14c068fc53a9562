// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/core/error.hpp>

namespace l0 {

/// What the columns of a batch of images mean: pixel (c, y, x) is column (c · height + y) · width + x, which is the
/// order of a flattened NCHW array.
struct ImageShape {
  Index channels = 1;  ///< planes of the image
  Index height = 1;    ///< rows
  Index width = 1;     ///< columns

  /// Numbers of one channel.
  Index pixels() const { return height * width; }
  /// Numbers of the image.
  Index size() const { return channels * pixels(); }
  bool operator==(const ImageShape&) const = default;  ///< Whether all members agree.
};

/// A number per direction; one number stands for both.
struct Extent {
  Index height = 1;  ///< rows
  Index width = 1;   ///< columns

  /// A square.
  constexpr Extent(Index both) : height(both), width(both) {}  // NOLINT(google-explicit-constructor)
  /// Height and width.
  constexpr Extent(Index vertical, Index horizontal) : height(vertical), width(horizontal) {}
  bool operator==(const Extent&) const = default;  ///< Whether all members agree.
};

namespace detail {

/// A window of kernel positions that slides over an image. In memory the samples of a pixel are neighbours, and so are
/// those of adjacent pixels: work on an image is work on long runs of numbers.
class Window {
 public:
  /// Throws `Error` for sizes that are not positive, a negative padding, and a kernel larger than the padded image.
  Window(const ImageShape& image, Extent kernel, Extent stride, Extent padding, Extent dilation)
      : image_(image), kernel_(kernel), stride_(stride), padding_(padding), dilation_(dilation),
        height_(outputs("height", image.height, kernel.height, stride.height, padding.height, dilation.height)),
        width_(outputs("width", image.width, kernel.width, stride.width, padding.width, dilation.width)) {
    require_size("channels", image.channels);
  }

  const ImageShape& image() const { return image_; }
  const Extent& kernel() const { return kernel_; }
  const Extent& stride() const { return stride_; }
  const Extent& padding() const { return padding_; }
  const Extent& dilation() const { return dilation_; }
  bool is_padded() const { return padding_.height > 0 || padding_.width > 0; }

  Index area() const { return kernel_.height * kernel_.width; }
  Index output_height() const { return height_; }
  Index output_width() const { return width_; }
  Index output_pixels() const { return height_ * width_; }

  /// The same window over images with another number of channels.
  Window with_channels(Index channels) const {
    Window result = *this;
    result.image_.channels = channels;
    return result;
  }

  /// Calls run(output, pixel, count) for the outputs first..end−1 of output row `row` at kernel position (ky, kx): the
  /// outputs output..output+count−1 of that row read the input pixels pixel..pixel+count−1. Outputs that read the
  /// padding are left out.
  template <class Run>
  void for_each_run(Index row, Index first, Index end, Index ky, Index kx, Run&& run) const {
    const Index y = row * stride_.height - padding_.height + ky * dilation_.height;
    if (y < 0 || y >= image_.height) return;
    const Index shift = kx * dilation_.width - padding_.width;
    const Index step = stride_.width;
    first = std::max(first, shift >= 0 ? Index{0} : (step - 1 - shift) / step);
    end = std::min(end, shift >= image_.width ? Index{0} : (image_.width - 1 - shift) / step + 1);
    if (first >= end) return;
    const Index pixel = y * image_.width + shift;
    if (step == 1) {
      run(first, pixel + first, end - first);
    } else {
      for (Index x = first; x < end; ++x) run(x, pixel + x * step, Index{1});
    }
  }

  /// Calls visit(ky, kx, pixel) for the kernel positions of one output inside the
  /// image.
  template <class Visit>
  void for_each_position(Index row, Index column, Visit&& visit) const {
    for (Index ky = 0; ky < kernel_.height; ++ky) {
      for (Index kx = 0; kx < kernel_.width; ++kx) {
        for_each_run(row, column, column + 1, ky, kx, [&](Index, Index pixel, Index) { visit(ky, kx, pixel); });
      }
    }
  }

 private:
  static Index outputs(std::string_view direction, Index size, Index kernel, Index stride, Index padding,
                       Index dilation) {
    const auto name = [&](const char* what) { return std::string(what) + " " + std::string(direction); };
    require(size >= 1, name("image"), size, "a size >= 1");
    require(kernel >= 1, name("kernel"), kernel, "a size >= 1");
    require(stride >= 1, name("stride"), stride, "a step >= 1");
    require(padding >= 0, name("padding"), padding, "a size >= 0");
    require(dilation >= 1, name("dilation"), dilation, "a step >= 1");
    const Index extent = dilation * (kernel - 1) + 1;
    const Index padded = size + 2 * padding;
    require(extent <= padded, name("kernel with its dilation,"), extent,
            "at most " + to_text(padded) + ", the padded image");
    return (padded - extent) / stride + 1;
  }

  ImageShape image_;
  Extent kernel_;
  Extent stride_;
  Extent padding_;
  Extent dilation_;
  Index height_;
  Index width_;
};

/// The batch of the last forward pass as a column-major matrix without gaps: such a matrix given as an lvalue is
/// referenced, everything else is copied into a buffer, which is reused.
template <class Scalar>
class DenseBatch {
 public:
  DenseBatch() = default;
  // As `BatchView`: copies start without a batch, moved buffers keep their address.
  DenseBatch(const DenseBatch&) {}
  DenseBatch(DenseBatch&& other) noexcept
      : buffer_(std::move(other.buffer_)), data_(std::exchange(other.data_, nullptr)), rows_(other.rows_),
        columns_(other.columns_), empty_(std::exchange(other.empty_, true)) {}
  DenseBatch& operator=(const DenseBatch&) {
    empty_ = true;
    return *this;
  }
  ~DenseBatch() = default;

  template <BatchInput X>
  void set(X&& batch) {
    using Plain = std::remove_cvref_t<X>;
    rows_ = batch.rows();
    columns_ = batch.cols();
    empty_ = false;
    if constexpr (std::is_lvalue_reference_v<X> && !is_sparse<Plain> &&
                  std::is_same_v<typename Plain::Scalar, Scalar>) {
      if constexpr (bool(Plain::Flags & Eigen::DirectAccessBit) && !bool(Plain::IsRowMajor)) {
        if (batch.innerStride() == 1 && (batch.outerStride() == rows_ || columns_ <= 1)) {
          data_ = batch.data();
          return;
        }
      }
    }
    buffer_ = as_matrix_of<Scalar>(batch);
    data_ = buffer_.data();
  }

  void clear() { empty_ = true; }
  bool empty() const { return empty_; }
  /// Whether it looks at numbers of a matrix.
  bool looks_at(const Matrix<Scalar>& other) const { return !empty_ && overlap(get(), other); }
  Index rows() const { return rows_; }
  const Scalar* data() const { return data_; }
  Eigen::Map<const Matrix<Scalar>> get() const { return {data_, rows_, columns_}; }

 private:
  Matrix<Scalar> buffer_;
  const Scalar* data_ = nullptr;
  Index rows_ = 0;
  Index columns_ = 0;
  bool empty_ = true;
};

}  // namespace detail
}  // namespace l0
