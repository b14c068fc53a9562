// SPDX-License-Identifier: MIT
#include <l0/layers/pooling.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::networks::pooling {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::close;

template <class Pool>
Matrix<double> pooled(const Pool& pool, const Matrix<double>& X) {
  Matrix<double> Y(X.rows(), pool.outputs());
  pool.apply(X.data(), X.rows(), Y.data());
  return Y;
}

/// Pooling spelled out: reduce(values of the window inside the image) per output.
template <class Pool, class Reduce>
Matrix<double> plain(const Pool& pool, const Matrix<double>& X, l0::Extent stride, l0::Extent padding, Reduce reduce) {
  const auto in = pool.input_shape();
  const auto out = pool.output_shape();
  const auto kernel = pool.window().kernel();
  Matrix<double> Y(X.rows(), pool.outputs());
  for (Index n = 0; n < X.rows(); ++n) {
    for (Index k = 0; k < pool.outputs(); ++k) {
      const Index c = k / out.pixels();
      const Index top = k % out.pixels() / out.width * stride.height - padding.height;
      const Index left = k % out.width * stride.width - padding.width;
      std::vector<double> values;
      for (Index y = top; y < top + kernel.height; ++y) {
        for (Index x = left; x < left + kernel.width; ++x) {
          if (y >= 0 && y < in.height && x >= 0 && x < in.width)
            values.push_back(X(n, (c * in.height + y) * in.width + x));
        }
      }
      Y(n, k) = reduce(values, kernel.height * kernel.width);
    }
  }
  return Y;
}

struct Setting {
  l0::ImageShape image;
  l0::Extent kernel;
  l0::Extent stride;
  l0::Extent padding;
};
const Setting settings[] = {{{2, 6, 6}, 2, 2, 0}, {{3, 7, 5}, {3, 2}, {2, 1}, {1, 1}}, {{1, 4, 9}, {4, 9}, 1, 0}};

}  // namespace

TEST_CASE("Poolings are what they say, for any number of samples") {
  for (const auto& [image, kernel, stride, padding] : settings) {
    for (const Index samples : {0, 1, 70}) {
      CAPTURE(image.height, samples);
      const l0::MaxPool2d max(image, kernel, {.stride = stride, .padding = padding});
      const l0::AvgPool2d mean(image, kernel, {.stride = stride, .padding = padding});
      const Matrix<double> X = l0::test::fixed_numbers(samples, max.inputs(), 1);
      CHECK(close(pooled(max, X),
                  plain(max, X, stride, padding,
                        [](const std::vector<double>& v, Index) { return *std::max_element(v.begin(), v.end()); }),
                  l0::test::tolerance::golden));
      CHECK(close(pooled(mean, X),
                  plain(mean, X, stride, padding,
                        [](const std::vector<double>& v, Index size) {
                          double sum = 0;
                          for (const double x : v) sum += x;
                          return sum / static_cast<double>(size);
                        }),
                  l0::test::tolerance::golden));
    }
  }
}

TEST_CASE("Of several largest the first takes the gradient") {
  const l0::MaxPool2d pool({1, 2, 2}, 2);
  const Matrix<double> X = Matrix<double>::Constant(1, 4, 2.0);
  const Matrix<double> Y = pooled(pool, X);
  const double upstream = 5;
  Matrix<double> gradient(1, 4);
  pool.differentiate(X.data(), Y.data(), &upstream, 1, gradient.data());
  CHECK(gradient == (Matrix<double>(1, 4) << 5, 0, 0, 0).finished());
}

TEST_CASE("Poolings refuse windows that do not fit") {
  CHECK_THROWS_AS(l0::MaxPool2d({1, 4, 4}, 5), l0::Error);
  CHECK_THROWS_AS(l0::MaxPool2d({1, 4, 4}, 0), l0::Error);
  CHECK_THROWS_AS(l0::AvgPool2d({1, 4, 4}, 2, {.stride = -1}), l0::Error);
  CHECK_THROWS_MATCHES(l0::AvgPool2d({1, 4, 4}, 2, {.padding = 2}), l0::Error,
                       Catch::Matchers::Message("l0: padding height is 2, expected at most half the window"));
}

}  // namespace tests::networks::pooling
