// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <l0/layers/image.hpp>

namespace l0::detail {

/// The arithmetic of a convolution (cross-correlation with zero padding), for the input and output channels that are in
/// use.
///
/// A batch is samples × (channel, pixel) by columns, so its memory is also a (pixel, sample) × channel matrix, and a
/// convolution is the product of that matrix's patches, (output pixel, sample) × (channel, kernel position), with the
/// kernels: no array is transposed, and a patch is made of runs of whole pixels. Patches are made for so few output
/// pixels at a time that they stay in the cache, again in backward, and never all at once.
template <class Scalar>
class Convolution {
 public:
  explicit Convolution(const Window& window, Index outputs) : window_(window), outputs_(outputs) {
    const auto reserved = [](std::vector<Index>& list, Index size) {
      list.reserve(static_cast<std::size_t>(size));
      for (Index k = 0; k < size; ++k) list.push_back(k);
    };
    reserved(open_channels_, window.image().channels);
    reserved(open_outputs_, outputs);
  }

  const Window& window() const { return window_; }

  /// Leaves out the channels for which `is_closed(c)` and the outputs for which `is_output_closed(o)` holds.
  template <class InputClosed, class OutputClosed>
  void select(InputClosed&& is_closed, OutputClosed&& is_output_closed) {
    open_channels_.clear();
    open_outputs_.clear();
    for (Index c = 0; c < window_.image().channels; ++c) {
      if (!is_closed(c)) open_channels_.push_back(c);
    }
    for (Index o = 0; o < outputs_; ++o) {
      if (!is_output_closed(o)) open_outputs_.push_back(o);
    }
  }
  const std::vector<Index>& open_channels() const { return open_channels_; }
  const std::vector<Index>& open_outputs() const { return open_outputs_; }
  /// How many weights an open output has in open channels.
  Index depth() const { return static_cast<Index>(open_channels_.size()) * window_.area(); }
  Index open_output_count() const { return static_cast<Index>(open_outputs_.size()); }

  /// depth() × open outputs, to be filled with the weights before `forward`: column k holds those of output
  /// open_outputs()[k], by channel and then kernel position.
  Eigen::Map<Matrix<Scalar>> kernels() {
    kernels_.reserve(all_weights());
    return kernels_.resize(depth(), open_output_count());
  }

  /// Writes samples × (outputs · output pixels) to `y`. `bias` has an entry per output, or is null.
  void forward(const Scalar* x, Index samples, const Scalar* bias, Scalar* y) {
    const Index pixels = window_.output_pixels();
    for (Index o = 0, next = 0; o < outputs_; ++o) {
      if (next < open_output_count() && open_outputs_[static_cast<std::size_t>(next)] == o) {
        ++next;
      } else {
        plane(y, o, pixels, samples).setConstant(bias == nullptr ? Scalar(0) : bias[o]);
      }
    }
    if (open_outputs_.empty()) return;
    const auto kernels = std::as_const(kernels_).get();
    for_each_chunk(samples, [&](Index row, Index first, Index count) {
      const auto patches = make_patches(x, samples, row, first, count);
      result_.reserve(largest_rows_ * outputs_);
      auto result = result_.resize(samples * count, open_output_count());
      product_.multiply(patches, kernels, result, {largest_rows_, outputs_, all_depth()});
      const Index at = (row * window_.output_width() + first) * samples;
      for (Index k = 0; k < open_output_count(); ++k) {
        const Index o = open_outputs_[static_cast<std::size_t>(k)];
        auto to = plane(y, o, pixels, samples).segment(at, samples * count);
        if (bias == nullptr) {
          to = result.col(k);
        } else {
          to = result.col(k).array() + bias[o];
        }
      }
    });
  }

  /// Given the gradient with respect to y, returns the one with respect to `kernels()`, of its shape; writes the
  /// gradient with respect to x, of the size of x, unless `x_gradient` is null. The channels and kernels are those of
  /// the last forward.
  Eigen::Map<const Matrix<Scalar>> backward(const Scalar* x, Index samples, const Scalar* upstream,
                                            Scalar* x_gradient) {
    kernel_gradient_.reserve(all_weights());
    auto gradient = kernel_gradient_.resize(depth(), open_output_count());
    gradient.setZero();
    if (x_gradient != nullptr) {
      Eigen::Map<Vector<Scalar>>(x_gradient, samples * window_.image().size()).setZero();
    }
    if (open_outputs_.empty()) return std::as_const(kernel_gradient_).get();
    const auto kernels = std::as_const(kernels_).get();
    const Index plane_size = window_.output_pixels() * samples;
    for_each_chunk(samples, [&](Index row, Index first, Index count) {
      const Index at = (row * window_.output_width() + first) * samples;
      result_.reserve(largest_rows_ * outputs_);
      auto chunk = result_.resize(samples * count, open_output_count());
      for (Index k = 0; k < open_output_count(); ++k) {
        chunk.col(k) = Eigen::Map<const Vector<Scalar>>(
            upstream + open_outputs_[static_cast<std::size_t>(k)] * plane_size + at, samples * count);
      }
      const auto patches = make_patches(x, samples, row, first, count);
      product_.add(patches.transpose(), std::as_const(result_).get(), gradient, {all_depth(), outputs_, largest_rows_});
      if (x_gradient != nullptr) {
        auto patch_gradient = patches_.get();  // in place of the patches
        product_.multiply(std::as_const(result_).get(), kernels.transpose(), patch_gradient,
                          {largest_rows_, all_depth(), outputs_});
        for_each_patch_run(samples, row, first, count, [&](Index column, Index patch_row, Index offset, Index size) {
          Eigen::Map<Vector<Scalar>>(x_gradient + offset, size) += patch_gradient.col(column).segment(patch_row, size);
        });
      }
    });
    return std::as_const(kernel_gradient_).get();
  }

  static Eigen::Map<Vector<Scalar>> plane(Scalar* y, Index o, Index pixels, Index samples) {
    return {y + o * pixels * samples, pixels * samples};
  }

 private:
  /// Patches are made for so many output pixels that they have about this many numbers.
  static constexpr Index chunk_size = 65536;

  Index all_depth() const { return window_.image().channels * window_.area(); }
  Index all_weights() const { return all_depth() * outputs_; }

  /// Calls use(row, first, count) for parts of the output rows.
  template <class Use>
  void for_each_chunk(Index samples, Use&& use) {
    const Index width = window_.output_width();
    const Index at_once = std::clamp<Index>(chunk_size / std::max<Index>(samples * all_depth(), 1), 1, width);
    largest_rows_ = std::max(largest_rows_, samples * at_once);
    for (Index row = 0; row < window_.output_height(); ++row) {
      for (Index first = 0; first < width; first += at_once) use(row, first, std::min(at_once, width - first));
    }
  }

  /// Calls use(column, patch_row, offset, size): `size` numbers of the patches, from (patch_row, column) down, are
  /// those of x from `offset` on.
  template <class Use>
  void for_each_patch_run(Index samples, Index row, Index first, Index count, Use&& use) const {
    Index column = 0;
    for (const Index c : open_channels_) {
      for (Index ky = 0; ky < window_.kernel().height; ++ky) {
        for (Index kx = 0; kx < window_.kernel().width; ++kx, ++column) {
          window_.for_each_run(row, first, first + count, ky, kx, [&](Index output, Index pixel, Index run) {
            use(column, (output - first) * samples, (c * window_.image().pixels() + pixel) * samples, run * samples);
          });
        }
      }
    }
  }

  Eigen::Map<const Matrix<Scalar>> make_patches(const Scalar* x, Index samples, Index row, Index first, Index count) {
    patches_.reserve(largest_rows_ * all_depth());
    auto patches = patches_.resize(samples * count, depth());
    if (window_.is_padded()) patches.setZero();
    for_each_patch_run(samples, row, first, count, [&](Index column, Index patch_row, Index offset, Index size) {
      std::copy_n(x + offset, size, patches.data() + column * patches.rows() + patch_row);
    });
    return std::as_const(patches_).get();
  }

  Window window_;
  Index outputs_;
  std::vector<Index> open_channels_;
  std::vector<Index> open_outputs_;
  Scratch<Scalar> kernels_;

  Index largest_rows_ = 0;
  ProductWorkspace<Scalar> product_;
  Scratch<Scalar> patches_;
  Scratch<Scalar> result_;
  Scratch<Scalar> kernel_gradient_;
};

}  // namespace l0::detail
