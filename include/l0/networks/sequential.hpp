// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// networks/: layers one after the other, known when compiled; and the plain network that compaction leaves.
///
///     batch (samples × columns; an image is channel by channel)
///       ▼ Sequential::forward(x, noise)    each layer draws its gates and returns a buffer of its own; activations and
///       │                                  poolings write to buffers that the network keeps for them
///     loss → gradient
///       ▼ backward(upstream, dx)           back to front: each adds to its parameters' gradients, writes that by x
///     penalty, optimizer                   find gates by for_each_gated and parameters by parameters()
///       ▼
///     prune, compact (pruning/)            what is left becomes a CompactModel (network.hpp), which only predicts

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
#include <l0/networks/part_cache.hpp>

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
/// does not tell them. Handles from `parameters()` survive moving the network and assigning one of the same shapes;
/// assigning another throws `Error` and changes nothing. No step allocates after the first with the same batch size.
template <NetworkPart... Parts>
class Sequential {
 public:
  using Scalar = typename detail::NetworkScalar<Parts...>::Scalar;  ///< float or double
  static constexpr std::size_t size = sizeof...(Parts);             ///< how many parts there are

  /// The parts in order. Throws `Error` where the columns of neighbours do not agree.
  explicit Sequential(Parts... parts) : parts_(std::move(parts)...) {
    static_assert(((!Layer<Parts> || has_scalar<Parts>)&&...), "l0: layers of one network have one scalar type");
    require_fitting();
    shapes_.set(parameters());
  }

  /// The columns of X and of the result, −1 where the layers do not tell.
  Index inputs() const {
    Index columns = -1;
    for_each_part([&](std::size_t, const auto& part) {
      if (columns < 0) columns = detail::columns_in(part);
    });
    return columns;
  }
  /// Columns that go out.
  Index outputs() const {
    Index columns = -1;
    for_each_part([&](std::size_t, const auto& part) { columns = detail::columns_out(part, columns); });
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

  /// Calls visit(index, part) for every part in order.
  template <class Visitor>
  void for_each_part(Visitor&& visit) {
    visit_parts(parts_, visit, indices{});
  }
  /// Calls `visit(part)` for every part, in order.
  template <class Visitor>
  void for_each_part(Visitor&& visit) const {
    visit_parts(parts_, visit, indices{});
  }

  /// Draws the gates of every layer and returns the result, a buffer of the network, valid until the next call. Throws
  /// `Error` where a batch does not fit. X is referenced until `backward` as the first layer does.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::require_columns(x, inputs());
    last_.is_there = false;
    const Matrix<Scalar>& result = forward_from<0>(std::forward<X>(x), noise);
    last_.is_there = true;
    last_.rows = result.rows();
    last_.columns = result.cols();
    last_.draw = sample_number();
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

  /// Handles for an optimizer; what they survive: see `Parameter`.
  Parameters<Scalar> parameters() {
    Parameters<Scalar> all;
    for_each_part([&](std::size_t, auto& part) {
      if constexpr (requires { part.parameters(); }) all = join(std::move(all), part.parameters());
    });
    return all;
  }

  /// Calls visit(layer) for every gated layer: how penalties find them.
  template <class Visitor>
  void for_each_gated(Visitor&& visit) {
    for_each_part([&](std::size_t, auto& part) {
      if constexpr (requires { part.for_each_gated(visit); }) part.for_each_gated(visit);
    });
  }

  /// β of all gates. Throws `Error` unless > 0.
  void set_temperature(Scalar temperature) {
    detail::require_positive("temperature", temperature);
    for_each_part([&](std::size_t, auto& part) {
      if constexpr (requires { part.set_temperature(temperature); }) part.set_temperature(temperature);
    });
  }

  /// The expected number of open gates.
  Scalar l0_penalty() const {
    Scalar total = 0;
    for_each_part([&](std::size_t, const auto& part) {
      if constexpr (requires { part.l0_penalty(); }) total += part.l0_penalty();
    });
    return total;
  }
  /// The same, under the name that l0-python uses.
  Scalar get_l0_penalty() const { return l0_penalty(); }

  /// The gates that are not 0 in prediction, and all.
  detail::GateCount count_gates() const {
    detail::GateCount total;
    for_each_part([&](std::size_t, const auto& part) {
      const detail::GateCount count = detail::count_gates(part);
      total.open += count.open;
      total.all += count.all;
    });
    return total;
  }
  /// The share of gates that are exactly 0 in prediction; 0 if there are no gates.
  Scalar sparsity() const {
    const auto [open, all] = count_gates();
    return all == 0 ? Scalar(0) : 1 - static_cast<Scalar>(open) / static_cast<Scalar>(all);
  }

 private:
  using indices = std::index_sequence_for<Parts...>;
  template <std::size_t I>
  using Part = std::tuple_element_t<I, std::tuple<Parts...>>;

  template <class P>
  static constexpr bool has_scalar = [] {
    if constexpr (Layer<P>) return std::is_same_v<typename P::Scalar, Scalar>;
    return false;
  }();

  template <class Tuple, class Visitor, std::size_t... I>
  static void visit_parts(Tuple& parts, Visitor& visit, std::index_sequence<I...>) {
    (visit(I, std::get<I>(parts)), ...);
  }

  void require_fitting() const {
    Index columns = -1;
    for_each_part([&](std::size_t i, const auto& part) {
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
    using P = Part<I>;
    if constexpr (std::is_same_v<P, Flatten>) {
      return next_forward<I>(std::forward<X>(x), noise);
    } else if constexpr (Layer<P>) {
      return next_forward<I>(std::get<I>(parts_).forward(std::forward<X>(x), noise), noise);
    } else {
      auto& cache = caches_[I];
      if constexpr (std::is_same_v<X, const Matrix<Scalar>&>) {
        cache.input = x.data();
        apply<I>(x, cache.output);
      } else {
        batch_.set(std::forward<X>(x));
        cache.input = batch_.data();
        apply<I>(batch_.get(), cache.output);
      }
      return next_forward<I>(std::as_const(cache.output), noise);
    }
  }

  template <std::size_t I, class X, class Noise>
  const Matrix<Scalar>& next_forward(X&& x, Noise& noise) {
    if constexpr (I + 1 < size) {
      return forward_from<I + 1>(std::forward<X>(x), noise);
    } else {
      static_assert(std::is_same_v<X, const Matrix<Scalar>&>, "l0: a network needs a layer");
      return x;
    }
  }

  /// y = part I of x, for parts without parameters.
  template <std::size_t I, class X>
  void apply(const X& x, Matrix<Scalar>& y) const {
    const auto& part = std::get<I>(parts_);
    if constexpr (Activation<Part<I>>) {
      y.resize(x.rows(), x.cols());
      detail::dispatch<detail::ActivateKernel>(part, x.data(), y.data(), y.size());
    } else {
      detail::require_columns(x, part.inputs());
      y.resize(x.rows(), part.outputs());
      part.apply(x.data(), x.rows(), y.data());
    }
  }

  template <std::size_t I, class X>
  Matrix<Scalar> predict_from(const X& x) const {
    using P = Part<I>;
    if constexpr (std::is_same_v<P, Flatten>) {
      return next_prediction<I>(x);
    } else if constexpr (Layer<P>) {
      return next_prediction<I>(Matrix<Scalar>(std::get<I>(parts_).predict(x)));
    } else {
      detail::DenseBatch<Scalar> batch;
      batch.set(x);
      Matrix<Scalar> result;
      apply<I>(batch.get(), result);
      return next_prediction<I>(result);
    }
  }

  template <std::size_t I, class X>
  Matrix<Scalar> next_prediction(const X& x) const {
    if constexpr (I + 1 < size) {
      return predict_from<I + 1>(x);
    } else {
      return x;
    }
  }

  template <class Derived>
  void backward_all(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>* input_gradient) {
    if (!last_.is_there) detail::fail("backward", "called before forward", "a call of forward first");
    detail::require_same_draw(sample_number(), last_.draw, "forward");
    detail::require_shape("upstream", upstream.rows(), upstream.cols(), last_.rows, last_.columns);
    if constexpr (std::is_same_v<Derived, Matrix<Scalar>>) {
      backward_from<size - 1>(upstream.derived(), nullptr, input_gradient);
    } else {
      upstream_ = detail::as_matrix_of<Scalar>(upstream);
      backward_from<size - 1>(upstream_, nullptr, input_gradient);
    }
  }

  /// Numbers only grow, so that their sum changes where one does.
  std::uint64_t sample_number() {
    std::uint64_t sum = 0;
    for_each_gated([&](auto& part) {
      if constexpr (requires { part.gate().sample_number(); }) {
        sum += part.gate().sample_number();
      } else if constexpr (requires { part.sample_number(); }) {
        sum += part.sample_number();
      }
    });
    return sum;
  }

  /// Is there a layer with parameters before part I?
  template <std::size_t I>
  static constexpr bool is_first_layer() {
    return []<std::size_t... K>(std::index_sequence<K...>) { return (!Layer<Part<K>> && ...); }
    (std::make_index_sequence<I>{});
  }

  /// Part I and those before it. `own` is `upstream` where that is a buffer of the network, in which activations work
  /// in place, and null otherwise.
  template <std::size_t I>
  void backward_from(const Matrix<Scalar>& upstream, Matrix<Scalar>* own, Matrix<Scalar>* input_gradient) {
    using P = Part<I>;
    if constexpr (is_first_layer<I>() && !Layer<P>) {
      if (input_gradient == nullptr) return;
    }
    auto& cache = caches_[I];
    if constexpr (std::is_same_v<P, Flatten>) {
      previous_backward<I>(upstream, own, input_gradient);
    } else if constexpr (Layer<P>) {
      backward_layer<I>(upstream, input_gradient);
    } else if constexpr (Activation<P>) {
      if (own == nullptr) {
        cache.gradient = upstream;
        own = &cache.gradient;
      }
      detail::dispatch<detail::ActivationGradientKernel>(std::get<I>(parts_), std::as_const(cache.output).data(),
                                                         own->data(), own->size());
      previous_backward<I>(*own, own, input_gradient);
    } else {
      cache.gradient.resize(upstream.rows(), std::get<I>(parts_).inputs());
      std::get<I>(parts_).differentiate(cache.input, std::as_const(cache.output).data(), upstream.data(),
                                        upstream.rows(), cache.gradient.data());
      previous_backward<I>(cache.gradient, &cache.gradient, input_gradient);
    }
  }

  template <std::size_t I>
  void backward_layer(const Matrix<Scalar>& upstream, Matrix<Scalar>* input_gradient) {
    auto& layer = std::get<I>(parts_);
    if constexpr (is_first_layer<I>() && requires { layer.backward(upstream); }) {
      if (input_gradient == nullptr) {
        layer.backward(upstream);
        return;
      }
    }
    layer.backward(upstream, caches_[I].gradient);
    previous_backward<I>(caches_[I].gradient, &caches_[I].gradient, input_gradient);
  }

  template <std::size_t I>
  void previous_backward(const Matrix<Scalar>& gradient, Matrix<Scalar>* own, Matrix<Scalar>* input_gradient) {
    if constexpr (I > 0) {
      backward_from<I - 1>(gradient, own, input_gradient);
    } else if (input_gradient != nullptr) {
      *input_gradient = gradient;
    }
  }

  detail::ParameterShapes<Scalar> shapes_;
  std::tuple<Parts...> parts_;
  std::array<detail::PartCache<Scalar>, size> caches_;
  detail::DenseBatch<Scalar> batch_;
  Matrix<Scalar> upstream_;
  detail::LastResult last_;
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
