// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/simd.hpp>
#include <l0/layers/any_layer.hpp>
#include <l0/layers/identity.hpp>
#include <l0/layers/image.hpp>
#include <l0/layers/layer.hpp>
#include <l0/random/draws.hpp>

namespace l0 {

/// In training every number is 0 with probability `rate`, anew for every sample, and else divided by 1 − rate; in
/// prediction nothing happens. Srivastava et al., JMLR 15, 2014. A value; a network makes a `DropoutLayer` of it.
struct Dropout {
  double rate = 0.5;  ///< in [0, 1)
};

namespace detail {

/// mask = 0 or `scale`, and y = mask ∘ x.
struct DropoutKernel {
  template <class Uniforms, class Scalar>
  L0_ALWAYS_INLINE static void run(Uniforms uniforms, Scalar rate, Scalar scale, const Scalar* x, Scalar* mask,
                                   Scalar* y, Index size) {
    for (Index first = 0; first < size; first += noise_block) {
      Scalar u[noise_block];
      const Index count = size - first < noise_block ? size - first : noise_block;
      uniforms.fill(first, count, u);
      for (Index i = 0; i < count; ++i) {
        const Scalar kept = select(u[i] < rate, Scalar(0), scale);
        mask[first + i] = kept;
        y[first + i] = kept * x[first + i];
      }
    }
  }
};

}  // namespace detail

/// `Dropout` as a layer. Like a gate it draws from a stream of its own, which the network gives it.
template <std::floating_point Scalar_>
class DropoutLayer {
 public:
  using Scalar = Scalar_;                                   ///< float or double
  using compactable = DropoutLayer;                         ///< see `Compactable`
  static constexpr std::string_view type_name = "Dropout";  ///< the name in stored networks and reports

  /// Throws `Error` for a rate outside [0, 1).
  explicit DropoutLayer(double rate = 0.5, std::uint64_t stream = 0) : rate_(rate), draws_{stream, 0} {
    detail::require(rate >= 0 && rate < 1, "rate", rate, "a probability in [0, 1)");
  }

  /// The probability of 0.
  double rate() const { return rate_; }
  /// As many as come in.
  Index outputs(Index columns) const { return columns; }
  /// The rate, and where it stands in its noise.
  void visit(auto&& v) {
    v("rate", std::as_const(rate_));
    v("", draws_);
  }

  /// Draws which numbers are 0.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    const auto uniforms = detail::uniforms_from<Scalar>(noise, draws_.request(x.rows(), x.cols()));
    ++draws_.draw;
    detail::DenseBatch<Scalar> batch;
    batch.set(x);
    mask_.resize(x.rows(), x.cols());
    output_.resize(x.rows(), x.cols());
    detail::dispatch<detail::DropoutKernel>(uniforms, static_cast<Scalar>(rate_), static_cast<Scalar>(1 / (1 - rate_)),
                                            batch.data(), mask_.data(), output_.data(), mask_.size());
    last_.set(x.rows(), x.cols());
    return output_;
  }
  /// The gradient passes where numbers did.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    input_gradient = upstream.cwiseProduct(mask_);
  }
  /// x.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    return detail::as_matrix_of<Scalar>(x);
  }

  /// Constants stay constants.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { out.constant = in.constant; }
  /// A column needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.needed = out.needed; }
  /// Nothing, as in prediction.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& /*out*/) const {
    return AnyLayer<Scalar>(IdentityLayer<Scalar>());
  }

 private:
  double rate_;
  Draws draws_;
  Matrix<Scalar> mask_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
