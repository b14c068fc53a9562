// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/compiled.hpp>
#include <l0/layers/columns.hpp>
#include <l0/layers/identity.hpp>
#include <l0/layers/weight_columns.hpp>
#include <l0/networks/streams.hpp>

namespace l0 {

/// A network whose layers are known only when the program runs: what `compact` returns, what `load_network` reads, or a
/// list of one's own. It is trained, pruned and stored as a `Sequential` is, and is itself a layer.
///
///     l0::Network<float> net;
///     net.add(l0::Linear<float>(784, 300, rng));
///     net.add(l0::Relu{});
///     net.add(l0::Linear<float>(300, 10, rng));
///
/// A copy is deep. Assignment writes through into the layers that are there where types and shapes agree, so that
/// handles stay right; else the layers are replaced.
template <std::floating_point Scalar_>
class Network : public VisitedModel<Network<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                                   ///< float or double
  using compactable = Network;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "Network";  ///< the name in stored networks and reports

  /// Without layers, or with these; `inputs` are the columns that come in, where the first layer does not say. Throws
  /// `Error` where neighbours do not fit.
  explicit Network(std::vector<AnyLayer<Scalar>> layers = {}, Index inputs = -1) : inputs_(inputs) {
    for (auto& layer : layers) add(std::move(layer));
  }
  Network(const Network&) = default;      ///< A deep copy.
  Network(Network&&) noexcept = default;  ///< Takes the layers along.
  ~Network() = default;
  /// Writes through where the layers are of the same types and shapes, else replaces them.
  Network& operator=(const Network& other) {
    if (this == &other) return *this;
    if (fits(other)) {
      layers_ = other.layers_;
    } else {
      std::vector<AnyLayer<Scalar>> copies(other.layers_);
      layers_.swap(copies);
    }
    inputs_ = other.inputs_;
    last_ = other.last_;
    return *this;
  }
  /// The same.
  Network& operator=(Network&& other) {  // NOLINT(performance-noexcept-move-constructor): writes through
    if (layers_.empty()) {
      layers_ = std::move(other.layers_);
      inputs_ = other.inputs_;
      last_ = std::as_const(other.last_);
      return *this;
    }
    return *this = std::as_const(other);
  }

  /// Adds a layer, or an activation, pooling, `Dropout` or `Flatten`, at the end. Throws `Error` where it does not take
  /// what the layers before give; then nothing is added.
  template <NetworkPart Part>
  Network& add(Part part) {
    if constexpr (std::same_as<Part, AnyLayer<Scalar>>) {
      return append(std::move(part));
    } else {
      return append(AnyLayer<Scalar>(detail::as_layer<Scalar>(std::move(part))));
    }
  }

  /// The layers, in order.
  const std::vector<AnyLayer<Scalar>>& layers() const { return layers_; }
  /// Layer number k. Throws `Error` where there is none.
  AnyLayer<Scalar>& layer(Index k) {
    detail::require(k >= 0 && k < size(), "layer", k, "one of " + detail::to_text(size()));
    return layers_[static_cast<std::size_t>(k)];
  }
  /// How many layers there are.
  Index size() const { return static_cast<Index>(layers_.size()); }

  /// Columns that come in, −1 where the first layer does not say.
  Index inputs() const { return inputs_ >= 0 || layers_.empty() ? inputs_ : layers_.front().inputs(); }
  /// Columns that go out, −1 where that is not known.
  Index outputs() const { return inputs() >= 0 ? outputs(inputs()) : -1; }
  /// Columns that come of so many. Throws `Error` where they do not fit.
  Index outputs(Index columns) const {
    if (inputs() >= 0) detail::require(columns == inputs(), "columns of X", columns, detail::to_text(inputs()));
    for (const auto& layer : layers_) columns = layer.outputs(columns);
    return columns;
  }
  /// What it consists of: layers named 0, 1, ...
  void visit(auto&& v) {
    for (std::size_t k = 0; k < layers_.size(); ++k) v(detail::to_text(k), layers_[k]);
  }
  /// How many numbers the network stores as parameters.
  Index parameter_count() const {
    Index total = 0;
    walk(*this, [&](const std::string&, const auto& member, const auto&...) {
      if constexpr (ParameterMember<decltype(member)>) total += member.size();
    });
    return total;
  }

  /// As `Sequential::forward`; the noise is an `Rng` or `GivenNoise`.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::require_columns(x, inputs());
    last_.is_there = false;
    outputs(x.cols());
    const Matrix<Scalar>* now = nullptr;
    if constexpr (std::is_lvalue_reference_v<X> && std::same_as<std::remove_cvref_t<X>, Matrix<Scalar>>) {
      now = &x;
    } else {
      now = &(batch_ = detail::as_matrix_of<Scalar>(x));
    }
    for (auto& layer : layers_) now = &layer.forward(*now, noise);
    last_.set(now->rows(), now->cols());
    last_.draw = detail::sample_number(*this);
    return *now;
  }
  /// Adds the gradients of all parameters.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    backward_all(upstream, nullptr);
  }
  /// As above, and writes the gradient with respect to X to `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    backward_all(upstream, &input_gradient);
  }
  /// The result with deterministic gates. Throws `Error` where X does not fit. Safe to call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_columns(x, inputs());
    const auto& data = detail::as_matrix_of<Scalar>(x);
    if (layers_.empty()) return data;
    auto layer = layers_.begin();
    Matrix<Scalar> now;
    if constexpr (!detail::is_sparse<X>) {  // no copy of columns that nothing reads
      if (const auto* select = layer->template get_if<SelectColumns<Scalar>>()) {
        now = select->predict(data);
        ++layer;
      }
    }
    if (layer == layers_.begin()) {
      if constexpr (std::same_as<X, Matrix<Scalar>>) {
        now = layer->predict(x);
      } else {
        now = layer->predict(Matrix<Scalar>(data));
      }
      ++layer;
    }
    for (; layer != layers_.end(); ++layer) now = layer->predict(now);
    return now;
  }

  // The walk of compaction; see `Compactable`.

  /// Front to back.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    out.constant = analyse(in).back().constant;
  }
  /// Back to front.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    in.needed = analyse(in, &out).front().needed;
  }
  /// What is left of the layers, with constants put back where one that is kept whole reads them.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return AnyLayer<Scalar>(smaller(in, out));
  }
  /// The same, as a network.
  Network smaller(const Columns<Scalar>& in, const Columns<Scalar>& out) const;

 private:
  Network& append(AnyLayer<Scalar> layer) {
    const Index before = layers_.empty() ? inputs_ : outputs();
    const Index takes = layer.inputs();
    if (before >= 0 && takes >= 0 && before != takes) {
      detail::fail("inputs of layer " + detail::to_text(size()), detail::to_text(takes),
                   detail::to_text(before) + ", which the layers before give");
    }
    if (before >= 0) layer.outputs(before);
    layers_.push_back(std::move(layer));
    detail::separate_streams(*this);
    return *this;
  }

  bool fits(const Network& other) const {
    if (layers_.size() != other.layers_.size()) return false;
    const auto shapes = [](const Network& net) {
      std::vector<std::pair<detail::Dependent<Index, Scalar>, Index>> all;
      walk(net, [&](const std::string&, const auto& member, const auto&...) {
        if constexpr (ParameterMember<decltype(member)>) all.emplace_back(member.value().rows(), member.value().cols());
      });
      return all;
    };
    return shapes(*this) == shapes(other);
  }

  template <class Derived>
  void backward_all(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>* input_gradient) {
    last_.require(upstream);
    detail::require_same_draw(detail::sample_number(*this), last_.draw, "forward");
    gradients_.resize(layers_.size());
    const Matrix<Scalar>* now = nullptr;
    if constexpr (std::is_same_v<Derived, Matrix<Scalar>>) {
      now = &upstream.derived();
    } else {
      now = &(upstream_ = detail::as_matrix_of<Scalar>(upstream));
    }
    if (layers_.empty() && input_gradient != nullptr) *input_gradient = *now;
    for (std::size_t k = layers_.size(); k-- > 0;) {
      Matrix<Scalar>* gradient = k > 0 ? &gradients_[k] : input_gradient;
      layers_[k].backward(*now, gradient);
      now = gradient;
    }
  }

  /// The columns before each layer and after the last, with `in` before the first; what `out` needs after the last.
  std::vector<Columns<Scalar>> analyse(const Columns<Scalar>& in, const Columns<Scalar>* out = nullptr) const {
    std::vector<Columns<Scalar>> between{in};
    std::fill(between[0].needed.begin(), between[0].needed.end(), char{0});
    for (const auto& layer : layers_) {
      Columns<Scalar> next(layer.outputs(between.back().size()));
      next.sparse_below = in.sparse_below;
      layer.find_constants(between.back(), next);
      between.push_back(std::move(next));
    }
    if (out == nullptr) return between;
    between.back().needed = out->needed;
    for (std::size_t k = layers_.size(); k-- > 0;) {
      layers_[k].find_needs(between[k], without_constants(between[k + 1]));
    }
    return between;
  }

  static Columns<Scalar> without_constants(Columns<Scalar> columns) {
    for (std::size_t j = 0; j < columns.needed.size(); ++j) {
      if (columns.constant[j]) columns.needed[j] = 0;
    }
    return columns;
  }

  void arrange(const Columns<Scalar>& at, const std::vector<Index>& present);
  void put(AnyLayer<Scalar> layer);

  std::vector<AnyLayer<Scalar>> layers_;
  Index inputs_ = -1;
  std::vector<Matrix<Scalar>> gradients_;
  Matrix<Scalar> batch_;
  Matrix<Scalar> upstream_;
  detail::LastForward last_;
};

namespace detail {

/// A layer as a network that is known at run time.
template <class L>
Network<typename L::Scalar> run_time_network(const L& layer) {
  if constexpr (requires { layer.as_network(); }) {
    return layer.as_network();
  } else {
    Network<typename L::Scalar> network;
    network.add(layer);
    return network;
  }
}

/// A layer with every network in it as one that is known at run time.
template <class L>
auto run_time_layer(const L& layer) {
  if constexpr (requires { layer.as_network(); }) {
    return layer.as_network();
  } else if constexpr (requires { layer.with_networks(); }) {
    return layer.with_networks();
  } else {
    return layer;
  }
}

}  // namespace detail

/// Puts a layer at the end of a network that is being built, or into the layer that is there.
template <std::floating_point Scalar>
void Network<Scalar>::put(AnyLayer<Scalar> layer) {
  if (layer.template get_if<IdentityLayer<Scalar>>() != nullptr) return;
  if (auto* inner = layer.template get_if<Network>()) {
    for (auto& each : inner->layers_) put(std::move(each));
    return;
  }
  if (!layers_.empty()) {
    if (const auto* scale = layer.template get_if<ColumnScale<Scalar>>()) {
      if (detail::fold_after(layers_.back(), *scale)) return;
    }
    if (const auto* scale = layers_.back().template get_if<ColumnScale<Scalar>>()) {
      if (detail::fold_before(layer, *scale)) layers_.pop_back();
    }
  }
  layers_.push_back(std::move(layer));
}

/// Gives the columns that are needed, where others are present.
template <std::floating_point Scalar>
void Network<Scalar>::arrange(const Columns<Scalar>& at, const std::vector<Index>& present) {
  const auto wanted = at.kept();
  if (wanted == present) return;
  std::vector<detail::Dependent<Index, Scalar>> from;
  Vector<Scalar> constants(static_cast<Index>(wanted.size()));
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const auto place = std::find(present.begin(), present.end(), wanted[k]);
    from.push_back(place == present.end() ? Index{-1} : static_cast<Index>(place - present.begin()));
    constants(static_cast<Index>(k)) = from[k] < 0 ? at.value(wanted[k]) : Scalar(0);
  }
  put(AnyLayer<Scalar>(
      SelectColumns<Scalar>(static_cast<Index>(present.size()), std::move(from), std::move(constants))));
}

template <std::floating_point Scalar>
Network<Scalar> Network<Scalar>::smaller(const Columns<Scalar>& in, const Columns<Scalar>& out) const {
  const auto between = analyse(in, &out);
  Network result({}, static_cast<Index>(in.kept().size()));
  auto present = in.kept();
  for (std::size_t k = 0; k <= layers_.size(); ++k) {
    result.arrange(between[k], present);
    if (k == layers_.size()) break;
    Columns<Scalar> after = without_constants(between[k + 1]);
    result.put(layers_[k].compacted(between[k], after));
    present = after.kept();
  }
  return result;
}

L0_COMPILED(Network<float> Network<float>::smaller(const Columns<float>&, const Columns<float>&) const);
L0_COMPILED(Network<double> Network<double>::smaller(const Columns<double>&, const Columns<double>&) const);

}  // namespace l0
