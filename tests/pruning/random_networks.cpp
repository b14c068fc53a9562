// SPDX-License-Identifier: MIT
// Compaction of random networks: every kind of layer beside every other, nested, with layers that do not take part.
#include <l0/layers/batch_norm.hpp>
#include <l0/layers/layer_norm.hpp>
#include <l0/networks/residual.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/pruning/report.hpp>

#include <cmath>

#include "support/catch.hpp"

namespace tests::pruning::random_networks {

namespace {

using l0::ImageShape;
using l0::Index;
using l0::Matrix;
using l0::Network;
using l0::Vector;

/// A layer of a user's own that does not say how it is built smaller.
struct Reverse {
  using Scalar = double;
  Matrix<double> y{};
  Index outputs(Index columns) const { return columns; }
  void visit(auto&&) {}
  Matrix<double> predict(const Matrix<double>& x) const { return x.rowwise().reverse(); }
  const Matrix<double>& forward(const Matrix<double>& x, auto&&) { return y = predict(x); }
  void backward(const Matrix<double>& upstream, Matrix<double>& gradient) { gradient = upstream.rowwise().reverse(); }
};

/// One derived from a layer that does: it has to say so again, and does not.
struct Doubled : l0::Linear<double> {
  using Base = l0::Linear<double>;
  using Base::Base;
  Matrix<double> predict(const Matrix<double>& x) const { return 2 * Base::predict(x); }
};
static_assert(l0::Layer<Doubled> && !l0::Compactable<Doubled> && l0::Compactable<l0::Linear<double>>);
static_assert(l0::Layer<Reverse> && !l0::Compactable<Reverse>);

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : rng_(seed) {}

  Index number(Index low, Index high) {
    return low + static_cast<Index>(rng_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(double share) { return static_cast<double>(rng_() % 1000) < 1000 * share; }
  Matrix<double> numbers(Index rows, Index columns) { return l0::standard_normal<double>(rng_, rows, columns); }

  /// Some gates closed, some open, some between; a closed neuron now and then, biases of 0 now and then.
  template <class Layer>
  Layer gated(Layer layer) {
    auto& location = layer.gate().location();
    for (Index k = 0; k < location.size(); ++k) location.data()[k] = chance(0.45) ? -20 : chance(0.3) ? 0.2 : 20;
    for (Index o = 0; o < layer.weight().rows(); ++o) {
      if (chance(0.25)) layer.weight().row(o).setZero();
      if (layer.has_bias()) layer.bias()(o) = chance(0.3) ? 0 : numbers(1, 1)(0);
    }
    return layer;
  }
  template <class Norm>
  Norm normalised(Norm norm) {
    for (Index c = 0; c < norm.scale().size(); ++c) {
      norm.scale()(c) = chance(0.2) ? 0 : numbers(1, 1)(0);
      norm.shift()(c) = chance(0.2) ? 0 : numbers(1, 1)(0);
    }
    if constexpr (requires { norm.running_mean(); }) {
      norm.running_mean() = numbers(norm.channels(), 1);
      norm.running_variance() = numbers(norm.channels(), 1).array().square() + 0.1;
    }
    return norm;
  }

  void add_activation(Network<double>& net) {
    switch (number(0, 4)) {
      case 0: net.add(l0::Relu{}); break;
      case 1: net.add(l0::Gelu{}); break;
      case 2: net.add(l0::LeakyRelu{}); break;
      case 3: net.add(l0::Sigmoid{}); break;
      default: net.add(l0::Dropout{0.3}); break;
    }
  }

  /// A layer on images, whose shape it may change.
  void add_to_image(Network<double>& net, ImageShape& image, int depth) {
    const Index padding = number(0, 1);
    switch (number(0, depth > 0 ? 8 : 7)) {
      case 0:
      case 1: {
        if (image.height + 2 * padding < 3 || image.width + 2 * padding < 3) return;
        auto conv = gated(l0::L0Conv2d<double>(image, number(1, 4), 3, rng_, {.padding = padding}));
        image = conv.output_shape();
        net.add(conv);
        break;
      }
      case 2: net.add(gated(l0::L0DepthwiseConv2d<double>(image, 1, rng_, {.padding = 0}))); break;
      case 3: net.add(normalised(l0::BatchNorm<double>(image.channels))); break;
      case 4: {
        if (image.height < 2 || image.width < 2) return;
        if (chance(0.5)) {
          const l0::MaxPool2d pool(image, 2, {.stride = 1, .padding = padding});
          image = pool.output_shape();
          net.add(pool);
        } else {
          const l0::AvgPool2d pool(image, 2, {.stride = 1, .padding = padding});
          image = pool.output_shape();
          net.add(pool);
        }
        break;
      }
      case 5: {
        auto conv = gated(l0::L0Conv2d<double, l0::PerInput>(image, number(1, 4), 1, rng_));
        image = conv.output_shape();
        net.add(conv);
        break;
      }
      case 6: add_activation(net); break;
      case 7:
        if (chance(0.4)) net.add(Reverse{});
        break;
      default: {
        ImageShape inner = image;
        Network<double> branch;
        for (Index k = number(1, 3); k > 0; --k) add_to_image(branch, inner, depth - 1);
        if (inner.height != image.height || inner.width != image.width) return;
        if (inner.channels != image.channels) branch.add(gated(l0::L0Conv2d<double>(inner, image.channels, 1, rng_)));
        add_block(net, std::move(branch), image.size(), depth);
      }
    }
  }

  /// A layer on columns, whose number it may change.
  void add_to_columns(Network<double>& net, Index& columns, int depth) {
    switch (number(0, depth > 0 ? 8 : 7)) {
      case 0:
      case 1: {
        const Index next = number(1, 7);
        if (chance(0.5)) {
          net.add(gated(l0::L0Linear<double>(columns, next, rng_)));
        } else if (chance(0.5)) {
          net.add(gated(l0::L0Linear<double, l0::PerInput>(columns, next, rng_)));
        } else {
          net.add(gated(l0::L0Linear<double, l0::PerOutput>(columns, next, rng_, {.bias = false})));
        }
        columns = next;
        break;
      }
      case 2: {
        const Index next = number(1, 7);
        net.add(l0::Linear<double>(columns, next, rng_, {.bias = chance(0.5)}));
        columns = next;
        break;
      }
      case 3: net.add(normalised(l0::BatchNorm<double>(columns))); break;
      case 4:
        if (chance(0.3)) net.add(normalised(l0::LayerNorm<double>(columns)));
        break;
      case 5: add_activation(net); break;
      case 6:
        if (chance(0.3)) net.add(Reverse{});
        break;
      case 7:
        if (chance(0.4)) net.add(Doubled(columns, columns, rng_));
        break;
      default: {
        Index inner = columns;
        Network<double> branch;
        for (Index k = number(1, 3); k > 0; --k) add_to_columns(branch, inner, depth - 1);
        if (inner != columns) branch.add(gated(l0::L0Linear<double>(inner, columns, rng_)));
        add_block(net, std::move(branch), columns, depth);
      }
    }
  }

  Network<double> network(Index& inputs) {
    Network<double> net;
    ImageShape image{number(1, 3), number(2, 5), number(2, 5)};
    Index columns = number(2, 7);
    const bool is_image = chance(0.5);
    inputs = is_image ? image.size() : columns;
    if (is_image) {
      for (Index k = number(1, 6); k > 0; --k) add_to_image(net, image, 2);
      columns = image.size();
      if (chance(0.5)) {
        net.add(l0::GlobalAvgPool2d(image));
        columns = image.channels;
      }
    }
    for (Index k = number(1, 6); k > 0; --k) add_to_columns(net, columns, 2);
    return net;
  }

 private:
  void add_block(Network<double>& net, Network<double> branch, Index columns, int depth) {
    if (branch.size() == 0) return;
    if (chance(0.6)) {
      net.add(l0::Residual<Network<double>>(std::move(branch)));
    } else {
      Network<double> other;
      if (depth > 0 && chance(0.5)) {
        other.add(normalised(l0::BatchNorm<double>(columns)));
      } else {
        other.add(gated(l0::L0Linear<double>(columns, columns, rng_)));
      }
      net.add(l0::Parallel<Network<double>, Network<double>>(std::move(branch), std::move(other)));
    }
  }

  l0::Rng rng_;
};

double scale_of(const Matrix<double>& y) { return std::fmax(1, y.size() == 0 ? 0 : y.cwiseAbs().maxCoeff()); }

}  // namespace

TEST_CASE("Random networks predict the same once compacted, twice too, and go on to be trained", "[compact]") {
  double worst = 0;
  Index before = 0;
  Index after = 0;
  for (std::uint64_t seed = 1; seed <= 800; ++seed) {
    CAPTURE(seed);
    Maker make(seed);
    Index inputs = 0;
    auto net = make.network(inputs);
    const Matrix<double> x = make.numbers(4, inputs);
    const Matrix<double> y = net.predict(x);
    const l0::CompactOptions options{.sparse_below = seed % 3 == 0 ? 0.4 : 0.0, .inputs = inputs};
    auto small = l0::compact(net, options);
    REQUIRE(small.inputs() == inputs);
    const Matrix<double> now = small.predict(x);
    REQUIRE(now.cols() == y.cols());
    const double off = (now - y).cwiseAbs().maxCoeff() / scale_of(y);
    worst = std::fmax(worst, off);
    REQUIRE(off < 1e-12);
    const auto again = l0::compact(small, options);
    REQUIRE((again.predict(x) - y).cwiseAbs().maxCoeff() / scale_of(y) < 1e-12);
    REQUIRE(l0::flop_count(again) <= l0::flop_count(small));
    before += net.parameter_count();
    after += small.parameter_count();
    l0::prune(net, {.threshold = 0});
    REQUIRE((net.predict(x) - y).cwiseAbs().maxCoeff() == 0);
    if (seed % 4 == 0) {  // what is left is a network: it predicts what it gives forward, and has gradients
      l0::Rng rng(seed);
      small.forward(x, rng);
      Matrix<double> gradient;
      small.backward(Matrix<double>::Ones(y.rows(), y.cols()), gradient);
      REQUIRE((gradient.rows() == x.rows() && gradient.cols() == x.cols()));
      REQUIRE(gradient.allFinite());
    }
  }
  CAPTURE(worst, before, after);
  CHECK(after < before / 2);
}

}  // namespace tests::pruning::random_networks
