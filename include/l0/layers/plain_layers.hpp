// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/layers/activations.hpp>
#include <l0/layers/any_layer.hpp>
#include <l0/layers/dropout.hpp>
#include <l0/layers/identity.hpp>
#include <l0/layers/layer.hpp>
#include <l0/layers/pooling.hpp>

/// \file
/// What a network makes of parts that have no scalar type of their own: layers.

namespace l0 {

/// An activation as a layer.
template <std::floating_point Scalar_, Activation A>
class ActivationLayer {
 public:
  using Scalar = Scalar_;               ///< float or double
  using compactable = ActivationLayer;  ///< see `Compactable`
  /// The name in stored networks and reports.
  static constexpr std::string_view type_name = [] {
    if constexpr (requires { A::type_name; }) return std::string_view(A::type_name);
    return std::string_view();
  }();
  static constexpr bool works_in_place = true;  ///< backward takes one matrix as upstream and input gradient

  /// Takes the activation.
  explicit ActivationLayer(A activation = {}) : activation_(std::move(activation)) {}

  /// The function.
  const A& activation() const { return activation_; }
  /// As many as come in.
  Index outputs(Index columns) const { return columns; }
  /// The numbers of the activation, if it has any.
  void visit(auto&& v) {
    if constexpr (requires { activation_.visit(v); }) activation_.visit(v);
  }

  /// y = f(x), entry by entry.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    batch_.set(std::forward<X>(x));
    write(batch_.get(), output_);
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// input_gradient = upstream ∘ f′(x); the two may be one matrix.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    if (batch_.looks_at(input_gradient))
      detail::fail("input_gradient", "a matrix that backward reads", "one of its own");
    input_gradient.resize(upstream.rows(), upstream.cols());
    detail::dispatch<detail::ActivationGradientKernel>(activation_, batch_.data(), std::as_const(output_).data(),
                                                       upstream.data(), input_gradient.data(), upstream.size());
  }
  /// As `forward`.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::DenseBatch<Scalar> batch;
    batch.set(x);
    Matrix<Scalar> result;
    write(batch.get(), result);
    return result;
  }

  /// Constants stay constants.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index j = 0; j < in.size(); ++j) {
      if (!in.is_constant(j)) continue;
      const Scalar x = in.value(j);
      Scalar y = 0;
      detail::dispatch<detail::ActivateKernel>(activation_, &x, &y, Index{1});
      out.set_constant(j, y);
    }
  }
  /// A column needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.needed = out.needed; }
  /// The same function.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& /*out*/) const {
    return AnyLayer<Scalar>(ActivationLayer(activation_));
  }

 private:
  template <class X>
  void write(const X& x, Matrix<Scalar>& y) const {
    y.resize(x.rows(), x.cols());
    detail::dispatch<detail::ActivateKernel>(activation_, x.data(), y.data(), y.size());
  }

  A activation_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

/// A fixed operation, such as a pooling, as a layer.
template <std::floating_point Scalar_, FixedOperation Operation>
class OperationLayer {
 public:
  using Scalar = Scalar_;  ///< float or double
  /// Poolings can be built for fewer channels.
  using compactable = std::conditional_t<PoolsChannels<Operation>, OperationLayer, void>;
  /// The name in stored networks and reports.
  static constexpr std::string_view type_name = [] {
    if constexpr (requires { Operation::type_name; }) return std::string_view(Operation::type_name);
    return std::string_view();
  }();

  /// Takes the operation.
  explicit OperationLayer(Operation operation) : operation_(std::move(operation)) {}

  /// The operation.
  const Operation& operation() const { return operation_; }
  /// Columns that come in.
  Index inputs() const { return operation_.inputs(); }
  /// Columns that go out. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of an operation", columns, detail::to_text(inputs()));
    return operation_.outputs();
  }
  /// Nothing to store.
  void visit(auto&& /*v*/) {}

  /// Applies the operation.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    detail::require_columns(x, inputs());
    batch_.set(std::forward<X>(x));
    write(batch_.get(), output_);
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// Writes the gradient by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    detail::require_apart(input_gradient, upstream, batch_);
    input_gradient.resize(upstream.rows(), inputs());
    operation_.differentiate(batch_.data(), std::as_const(output_).data(), upstream.data(), upstream.rows(),
                             input_gradient.data());
  }
  /// As `forward`.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_columns(x, inputs());
    detail::DenseBatch<Scalar> batch;
    batch.set(x);
    Matrix<Scalar> result;
    write(batch.get(), result);
    return result;
  }

  /// A pooling of a constant channel is constant, but for the mean of one other than 0 under zero padding.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index c = 0; c < operation_.input_shape().channels; ++c) {
      if (!in.is_channel_constant(c, in_pixels())) continue;
      const Scalar value = in.value(c * in_pixels());
      if (!Operation::counts_padding || value == 0 || !operation_.window().is_padded()) {
        out.set_channel_constant(c, out_pixels(), value);
      }
    }
  }
  /// A channel needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index c = 0; c < operation_.input_shape().channels; ++c) {
      if (out.is_channel_needed(c, out_pixels())) in.need(c * in_pixels(), in_pixels());
    }
  }
  /// The same pooling of fewer channels.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& out) const {
    const auto channels = static_cast<Index>(out.keep_channels(out_pixels()).size());
    auto small = operation_.with_channels(channels);
    return AnyLayer<Scalar>(OperationLayer<Scalar, decltype(small)>(std::move(small)));
  }

 private:
  Index in_pixels() const { return operation_.input_shape().pixels(); }
  Index out_pixels() const { return operation_.output_shape().pixels(); }

  template <class X>
  void write(const X& x, Matrix<Scalar>& y) const {
    y.resize(x.rows(), operation_.outputs());
    operation_.apply(x.data(), x.rows(), y.data());
  }

  Operation operation_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

/// What a network is made of: layers, activations, fixed operations such as poolings, `Dropout` and `Flatten`.
template <class P>
concept NetworkPart =
    Layer<P> || Activation<P> || FixedOperation<P> || std::same_as<P, Flatten> || std::same_as<P, Dropout>;

namespace detail {

/// The layer that a network of this scalar type makes of a part.
template <class Scalar, NetworkPart Part>
auto as_layer(Part part) {
  if constexpr (Layer<Part>) {
    static_assert(std::same_as<typename Part::Scalar, Scalar>, "l0: layers of one network have one scalar type");
    return part;
  } else if constexpr (Activation<Part>) {
    return ActivationLayer<Scalar, Part>(std::move(part));
  } else if constexpr (FixedOperation<Part>) {
    return OperationLayer<Scalar, Part>(std::move(part));
  } else if constexpr (std::same_as<Part, Dropout>) {
    return DropoutLayer<Scalar>(part.rate);
  } else {
    return IdentityLayer<Scalar>();
  }
}

template <class Scalar, class Part>
using LayerOf = decltype(as_layer<Scalar>(std::declval<Part>()));

}  // namespace detail
}  // namespace l0
