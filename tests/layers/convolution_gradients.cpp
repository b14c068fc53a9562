// SPDX-License-Identifier: MIT
// Every gradient of the convolutions against central differences, with gates closed, open and between.
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>

#include <vector>

#include "layers/gradient_check.hpp"

namespace tests::layers::convolution_gradients {

namespace {

using l0::Extent;
using l0::ImageShape;
using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::Stencil;
namespace tolerance = l0::test::tolerance;

/// Noise at which the gates lie between 0 and 1, but for every third, which is 0, and the last, which is 1.
template <class Layer>
Matrix<double> spread_gates(Layer& layer) {
  const Index rows = layer.gate().rows();
  const Index columns = layer.gate().columns();
  layer.log_alpha() = l0::test::fixed_numbers(rows, columns, 1);
  Matrix<double> u(rows, columns);
  const Matrix<double> s = 0.5 + 0.3 * l0::test::fixed_numbers(rows, columns, 4).array();
  for (Index k = 0; k < u.size(); ++k) {
    const double sk = k == u.size() - 1 ? 0.98 : k % 3 == 1 ? 0.02 : s(k);
    u(k) = 1 / (1 + std::exp(layer.log_alpha()(k) - layer.temperature() * std::log(sk / (1 - sk))));
  }
  return u;
}

/// The convolution spelled out, with weight(o, c, ky, kx) given.
template <class Layer, class Weight>
Matrix<double> plain_convolution(const Layer& layer, const Matrix<double>& X, const l0::L0ConvOptions<double>& options,
                                 Weight&& weight) {
  const ImageShape in = layer.input_shape();
  const ImageShape out = layer.output_shape();
  Matrix<double> Y(X.rows(), out.size());
  for (Index n = 0; n < X.rows(); ++n) {
    for (Index o = 0; o < out.channels; ++o) {
      for (Index y = 0; y < out.height; ++y) {
        for (Index x = 0; x < out.width; ++x) {
          double sum = options.bias ? layer.bias()(o) : 0;
          for (Index c = 0; c < in.channels; ++c) {
            for (Index ky = 0; ky < layer.kernel().height; ++ky) {
              for (Index kx = 0; kx < layer.kernel().width; ++kx) {
                const Index row = y * options.stride.height - options.padding.height + ky * options.dilation.height;
                const Index column = x * options.stride.width - options.padding.width + kx * options.dilation.width;
                if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
                sum += weight(o, c, ky, kx) * X(n, (c * in.height + row) * in.width + column);
              }
            }
          }
          Y(n, (o * out.height + y) * out.width + x) = sum;
        }
      }
    }
  }
  return Y;
}

template <class Layer, class Weight>
void check(Layer layer, const l0::L0ConvOptions<double>& options, Weight&& effective) {
  const Matrix<double> u = spread_gates(layer);
  const l0::GivenNoise<double> noise(u);
  if (layer.has_bias()) layer.bias() = l0::test::fixed_numbers(layer.bias().rows(), 1, 3);
  Matrix<double> X = l0::test::fixed_numbers(2, layer.inputs(), 5);
  const Matrix<double> upstream = l0::test::fixed_numbers(2, layer.outputs(), 6);
  const Matrix<double> y = layer.forward(X, noise);
  CHECK(close(y,
              plain_convolution(layer, X, options,
                                [&](Index o, Index c, Index ky, Index kx) {
                                  return effective(layer, o, c, ky * layer.kernel().width + kx);
                                }),
              tolerance::golden));

  Matrix<double> grad_X;
  layer.backward(upstream, grad_X);
  const Matrix<double> grad_weight = layer.weight_gradient();
  const Matrix<double> grad_log_alpha = layer.log_alpha_gradient();
  const Matrix<double> grad_bias = layer.bias_gradient();
  const auto value = [&] { return layer.forward(X, noise).cwiseProduct(upstream).sum(); };
  const auto expect = [&](const Matrix<double>& analytic, auto& parameter) {
    const Matrix<double> numerical = l0::test::gradient_by(parameter, value, Stencil::five_point);
    CHECK(numerical.cwiseAbs().maxCoeff() > 0.01);
    CHECK(close(analytic, numerical, tolerance::gradient(numerical)));
  };
  expect(grad_weight, layer.weight());
  expect(grad_log_alpha, layer.log_alpha());
  if (layer.has_bias()) expect(grad_bias, layer.bias());
  expect(grad_X, X);

  // A second backward adds the same again.
  layer.weight_gradient().setZero();
  layer.forward(X, noise);
  layer.backward(upstream);
  layer.backward(upstream);
  CHECK(close(layer.weight_gradient(), 2 * grad_weight, tolerance::golden));
}

const std::vector<l0::L0ConvOptions<double>>& all_options() {
  static const std::vector<l0::L0ConvOptions<double>> options{
      {},
      {.bias = false, .padding = 1},
      {.stride = {2, 1}, .padding = {1, 2}},
      {.stride = {1, 3}, .padding = {2, 0}, .dilation = {2, 1}},
      {.padding = {3, 3}, .dilation = {1, 2}},
  };
  return options;
}

constexpr ImageShape image{3, 6, 5};
constexpr Extent kernel{3, 2};
constexpr Index area = 6;

}  // namespace

TEST_CASE("Gradients of a convolution with a gate per filter", "[gradient]") {
  for (const auto& options : all_options()) {
    l0::Rng rng(1);
    check(l0::L0Conv2d<double>(image, 4, kernel, rng, options), options, [](auto& layer, Index o, Index c, Index k) {
      return layer.weight()(o, c * area + k) * layer.gate().values()(o);
    });
  }
}

TEST_CASE("Gradients of a convolution with a gate per input channel", "[gradient]") {
  for (const auto& options : all_options()) {
    l0::Rng rng(1);
    check(l0::L0Conv2d<double, l0::PerInput>(image, 2, kernel, rng, options), options,
          [](auto& layer, Index o, Index c, Index k) {
            return layer.weight()(o, c * area + k) * layer.gate().values()(c);
          });
  }
}

TEST_CASE("Gradients of a convolution with a gate per weight or per group", "[gradient]") {
  const l0::L0ConvOptions<double> options{.padding = 1};
  l0::Rng rng(1);
  check(l0::L0Conv2d<double, l0::PerWeight>(image, 2, kernel, rng, options), options,
        [](auto& layer, Index o, Index c, Index k) {
          return layer.weight()(o, c * area + k) * layer.gate().values()(o, c * area + k);
        });
  std::vector<Index> group_of;  // kernel positions of all channels share a gate
  for (Index j = 0; j < 3 * area; ++j) group_of.push_back(j % area);
  check(l0::L0Conv2d<double, l0::Groups>(image, 2, kernel, rng, l0::Groups(group_of), options), options,
        [](auto& layer, Index o, Index c, Index k) {
          return layer.weight()(o, c * area + k) * layer.gate().values()(k);
        });
}

TEST_CASE("Gradients of a depthwise convolution", "[gradient]") {
  for (const auto& options : all_options()) {
    l0::Rng rng(1);
    check(l0::L0DepthwiseConv2d<double>(image, kernel, rng, options), options,
          [](auto& layer, Index o, Index c, Index k) {
            return o == c ? layer.weight()(c, k) * layer.gate().values()(c) : 0.0;
          });
  }
}

TEST_CASE("Gradients where parts of the kernel lie beside the whole image", "[gradient]") {
  // Columns 2 to the left and 2 to the right of an image that is 2 wide; the same in height.
  const l0::L0ConvOptions<double> options{.padding = 2, .dilation = 2};
  for (const ImageShape& small : {ImageShape{2, 4, 2}, ImageShape{2, 2, 4}, ImageShape{2, 2, 2}}) {
    CAPTURE(small.height, small.width);
    l0::Rng rng(1);
    check(l0::L0Conv2d<double>(small, 2, 3, rng, options), options, [](auto& layer, Index o, Index c, Index k) {
      return layer.weight()(o, c * 9 + k) * layer.gate().values()(o);
    });
    check(l0::L0DepthwiseConv2d<double>(small, 3, rng, options), options, [](auto& layer, Index o, Index c, Index k) {
      return o == c ? layer.weight()(c, k) * layer.gate().values()(c) : 0.0;
    });
  }
}

TEST_CASE("A batch of another width is refused by predict", "[shape]") {
  l0::Rng rng(1);
  const l0::L0DepthwiseConv2d<double> deep(image, kernel, rng);
  const l0::L0Conv2d<double> full(image, 3, kernel, rng);
  for (const l0::Index more : {-1, 1}) {
    CHECK_THROWS_AS(deep.predict(l0::Matrix<double>::Zero(2, deep.inputs() + more)), l0::Error);
    CHECK_THROWS_AS(full.predict(l0::Matrix<double>::Zero(2, full.inputs() + more)), l0::Error);
  }
}

TEST_CASE("A convolution that is copied or assigned to has no batch to go back from") {
  using Catch::Matchers::Message;
  const auto check = [](auto layer) {
    const l0::Rng noise(2);
    const Matrix<double> X = l0::test::fixed_numbers(2, layer.inputs(), 5);
    const Matrix<double> upstream = l0::test::fixed_numbers(2, layer.outputs(), 6);
    const auto refuses = [&](auto& without_batch) {
      CHECK_THROWS_MATCHES(without_batch.backward(upstream), l0::Error,
                           Message("l0: backward is called before forward, expected a call of forward first"));
    };
    auto other = layer;
    layer.forward(X, noise);
    auto copy = layer;
    refuses(copy);
    layer = other;
    refuses(layer);
    layer.forward(X, noise);
    auto moved = std::move(layer);
    CHECK_NOTHROW(moved.backward(upstream));
    refuses(layer);  // NOLINT(bugprone-use-after-move)
  };
  l0::Rng rng(1);
  check(l0::L0Conv2d<double>(image, 2, kernel, rng));
  check(l0::L0DepthwiseConv2d<double>(image, kernel, rng));
}

TEST_CASE("More pixels than fit a chunk of patches", "[gradient]") {
  // 40 samples × 27 weights × 70 pixels of a row are more than 65536 numbers: rows are cut.
  const l0::L0ConvOptions<double> options{.padding = 1};
  l0::Rng rng(1);
  l0::L0Conv2d<double> layer({3, 2, 70}, 2, 3, rng, options);
  layer.log_alpha().setConstant(20);
  const Matrix<double> X = l0::test::fixed_numbers(40, layer.inputs(), 5);
  const Matrix<double> upstream = l0::test::fixed_numbers(40, layer.outputs(), 6);
  Matrix<double> grad_X;
  const Matrix<double> y = layer.forward(X, rng);
  layer.backward(upstream, grad_X);
  CHECK(close(
      y,
      plain_convolution(layer, X, options,
                        [&](Index o, Index c, Index ky, Index kx) { return layer.weight()(o, c * 9 + ky * 3 + kx); }),
      tolerance::golden));
  // The layer is linear in X and W: <upstream, Y(X)> − <upstream, b> = <grad_X, X> = <grad_W, W>.
  const double product = upstream.cwiseProduct(layer.forward(X, rng)).sum() - layer.bias_gradient().dot(layer.bias());
  CHECK(close(grad_X.cwiseProduct(X).sum(), product, tolerance::golden));
  CHECK(close(layer.weight_gradient().cwiseProduct(layer.weight()).sum(), product, tolerance::golden));
}

}  // namespace tests::layers::convolution_gradients
