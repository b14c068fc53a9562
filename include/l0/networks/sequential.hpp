// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// networks/: layers one after the other, beside each other, known when compiled or when run.
///
///     batch (samples × columns; an image is channel by channel)
///       ▼ Sequential::forward(x, noise)    each layer draws its gates and returns a buffer of its own
///     loss → gradient
///       ▼ backward(upstream, dx)           back to front: each adds to its parameters' gradients, writes that by x
///     penalty, optimizer                   find gates and parameters by what the layers visit: nobody lists them
///       ▼
///     prune, compact (pruning/)            front to back: constants; back to front: needs; then what is left is built
///       ▼
///     Network (network.hpp)                a list of layers behind one interface: what compaction leaves, or a file
///     holds
///
/// Residual and Parallel (residual.hpp) add what branches give.

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/shape.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/layer.hpp>
#include <l0/layers/linear.hpp>
#include <l0/layers/plain_layers.hpp>
#include <l0/networks/network.hpp>
#include <l0/networks/streams.hpp>

namespace l0 {

namespace detail {

/// The scalar type of the first layer that has one.
template <class... Parts>
struct NetworkScalar {
  static_assert(sizeof...(Parts) > 0, "l0: a network needs at least one layer with parameters");
};
template <class First, class... Rest>
struct NetworkScalar<First, Rest...> : NetworkScalar<Rest...> {};
template <Layer First, class... Rest>
struct NetworkScalar<First, Rest...> {
  using Scalar = typename First::Scalar;
};

}  // namespace detail

/// A network: its parts one after the other, each working on what the one before gives.
///
///     l0::Rng rng(1);
///     l0::Sequential net{l0::L0Linear<float, l0::PerInput>(784, 300, rng), l0::Relu{}, l0::L0Linear<float>(300, 10,
///     rng)};
///
/// Braces evaluate from left to right, so that layers which share an `rng` take their streams in order; the function
/// `sequential(...)` leaves that order to the compiler. Parts are layers (see `Layer`; one's own too), activations,
/// poolings and `Flatten`. A network is itself a layer.
///
/// Neighbours whose columns do not fit are refused by the constructor with `Error`, or by the first call where a layer
/// does not tell them. Layers that would draw the same noise, as copies of one do, are given streams of their own.
/// Handles from `parameters()` survive moving the network and assigning one of the same shapes; assigning another
/// throws `Error` and changes nothing. No step allocates after the first with the same batch size.
template <NetworkPart... Parts>
class Sequential : public VisitedModel<Sequential<Parts...>, typename detail::NetworkScalar<Parts...>::Scalar> {
 public:
  using Scalar = typename detail::NetworkScalar<Parts...>::Scalar;  ///< float or double
  using compactable = Sequential;                                   ///< see `Compactable`
  static constexpr std::string_view type_name = "Sequential";       ///< the name in reports
  static constexpr std::size_t size = sizeof...(Parts);             ///< how many parts there are

  /// The parts in order. Throws `Error` where the columns of neighbours do not agree.
  explicit Sequential(Parts... parts) : parts_(detail::as_layer<Scalar>(std::move(parts))...) {
    require_fitting();
    shapes_.set(l0::parameters(*this));
    detail::separate_streams(*this);
  }

  /// The columns of X, −1 where the first layer does not tell.
  Index inputs() const { return detail::columns_in(std::get<0>(parts_)); }
  /// Columns that go out, −1 where the layers do not tell.
  Index outputs() const {
    Index columns = -1;
    for_each(parts_, [&](std::size_t, const auto& part) { columns = detail::columns_out(part, columns); });
    return columns;
  }
  /// Columns that come of so many. Throws `Error` where they do not fit.
  Index outputs(Index columns) const {
    for_each(parts_, [&](std::size_t, const auto& part) { columns = part.outputs(columns); });
    return columns;
  }

  /// Part number I. Running it by itself ends what `forward` began: the next parts refer to its result.
  template <std::size_t I>
  auto& part() {
    return std::get<I>(parts_);
  }
  /// Part number I.
  template <std::size_t I>
  const auto& part() const {
    return std::get<I>(parts_);
  }

  /// What it consists of: layers named 0, 1, ...
  void visit(auto&& v) {
    for_each(parts_, [&](std::size_t k, auto& part) { v(detail::to_text(k), part); });
  }

  /// A copy of the layers as a network that is known at run time.
  Network<Scalar> as_network() const {
    Network<Scalar> network;
    for_each(parts_, [&](std::size_t, const auto& part) { network.add(detail::run_time_layer(part)); });
    return network;
  }
  /// As `Network`.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { as_network().find_constants(in, out); }
  /// As `Network`.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { as_network().find_needs(in, out); }
  /// A `Network` of the layers that are left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return as_network().compacted(in, out);
  }

  /// Draws the gates of every layer and returns the result, a buffer of the network, valid until the next call. Throws
  /// `Error` where a batch does not fit. X is referenced until `backward` as the first layer does.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::require_columns(x, inputs());
    outputs(x.cols());  // before anything is drawn
    last_.is_there = false;
    const Matrix<Scalar>& result = forward_from<0>(std::forward<X>(x), noise);
    last_.set(result.rows(), result.cols());
    last_.draw = detail::sample_number(*this);
    return result;
  }

  /// Adds the gradients of all parameters, given `upstream`, the gradient with respect to the result of the last
  /// forward; each call adds. Throws `Error` before a forward, after gates were drawn again and for another shape.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    backward_all(upstream, nullptr);
  }
  /// As above, and writes the gradient with respect to X to `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    backward_all(upstream, &input_gradient);
  }

  /// The result with deterministic gates. Safe to call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_columns(x, inputs());
    return predict_from<0>(detail::as_matrix_of<Scalar>(x));
  }

 private:
  using Tuple = std::tuple<detail::LayerOf<Scalar, Parts>...>;
  template <std::size_t I>
  using Part = std::tuple_element_t<I, Tuple>;

  template <class Layers, class Use>
  static void for_each(Layers& layers, Use&& use) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (use(I, std::get<I>(layers)), ...); }
    (std::index_sequence_for<Parts...>{});
  }

  void require_fitting() const {
    Index columns = -1;
    for_each(parts_, [&](std::size_t i, const auto& part) {
      const Index expected = detail::columns_in(part);
      if (columns >= 0 && expected >= 0 && columns != expected) {
        detail::fail("inputs of part " + detail::to_text(i), detail::to_text(expected),
                     detail::to_text(columns) + ", which the parts before give");
      }
      columns = detail::columns_out(part, columns);
    });
  }

  template <std::size_t I, class X, class Noise>
  const Matrix<Scalar>& forward_from(X&& x, Noise& noise) {
    auto& layer = std::get<I>(parts_);
    if constexpr (I + 1 < size) {
      return forward_from<I + 1>(layer.forward(std::forward<X>(x), noise), noise);
    } else {
      return layer.forward(std::forward<X>(x), noise);
    }
  }

  template <std::size_t I, class X>
  Matrix<Scalar> predict_from(const X& x) const {
    if constexpr (I + 1 < size) {
      return predict_from<I + 1>(Matrix<Scalar>(std::get<I>(parts_).predict(x)));
    } else {
      return std::get<I>(parts_).predict(x);
    }
  }

  template <class Derived>
  void backward_all(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>* input_gradient) {
    last_.require(upstream);
    detail::require_same_draw(detail::sample_number(*this), last_.draw, "forward");
    if constexpr (std::is_same_v<Derived, Matrix<Scalar>>) {
      if (input_gradient == &upstream.derived()) {
        detail::fail("input_gradient", "a matrix that backward reads", "one of its own");
      }
      backward_from<size - 1>(upstream.derived(), nullptr, input_gradient);
    } else {
      upstream_ = detail::as_matrix_of<Scalar>(upstream);
      backward_from<size - 1>(upstream_, nullptr, input_gradient);
    }
  }

  /// Part I and those before it. `own` is `upstream` where that is a buffer of the network, in which some layers work
  /// in place, and null otherwise.
  template <std::size_t I>
  void backward_from(const Matrix<Scalar>& upstream, Matrix<Scalar>* own, Matrix<Scalar>* input_gradient) {
    auto& layer = std::get<I>(parts_);
    if constexpr (I == 0) {
      if (input_gradient != nullptr) {
        layer.backward(upstream, *input_gradient);
      } else if constexpr (requires { layer.backward(upstream); }) {
        layer.backward(upstream);
      } else {
        layer.backward(upstream, gradients_[0]);
      }
    } else {
      Matrix<Scalar>* gradient = &gradients_[I];
      if constexpr (requires { requires Part<I>::works_in_place; }) {
        if (own != nullptr) gradient = own;
      }
      layer.backward(upstream, *gradient);
      backward_from<I - 1>(*gradient, gradient, input_gradient);
    }
  }

  detail::ParameterShapes<Scalar> shapes_;
  Tuple parts_;
  std::array<Matrix<Scalar>, size> gradients_;
  Matrix<Scalar> upstream_;
  detail::LastForward last_;
};

/// A network of these parts.
template <class... Parts>
Sequential(Parts...) -> Sequential<Parts...>;

/// `Sequential` as a function. Its arguments are evaluated in an order that compilers choose: build layers that share
/// an Rng before, or use braces.
template <class... Parts>
auto sequential(Parts&&... parts) {
  return Sequential<std::remove_cvref_t<Parts>...>(std::forward<Parts>(parts)...);
}

}  // namespace l0
