// SPDX-License-Identifier: MIT
// Blocks and layers as a user writes them: compacted rightly, or kept whole, stored whole, priced and counted.
#include <l0/io/network.hpp>
#include <l0/layers/batch_norm.hpp>
#include <l0/networks/check_layer.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/penalties/cost.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/pruning/report.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/fixed_numbers.hpp"

namespace tests::pruning::user_layers {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::fixed_numbers;

/// A residual block of a user's own, with a gate array and a buffer of its own.
class Block {
 public:
  using Scalar = double;
  using Inner = l0::Sequential<l0::L0Linear<double, l0::PerInput>, l0::Relu, l0::L0Linear<double>>;

  Block(Index columns, l0::Rng& rng)
      : inner_(l0::L0Linear<double, l0::PerInput>(columns, 3, rng), l0::Relu{}, l0::L0Linear<double>(3, columns, rng)),
        gate_(columns, {.stream = rng.next_stream()}), seen_{l0::Vector<double>::Zero(1)} {}

  void visit(auto&& v) {
    v("inner", inner_);
    v("gate", gate_);
    v("seen", seen_);
  }
  Index outputs(Index columns) const { return inner_.outputs(columns); }
  template <class Noise>
  const Matrix<double>& forward(const Matrix<double>& x, Noise&& noise) {
    x_ = x;
    seen_.value(0) += static_cast<double>(x.rows());
    const Matrix<double>& inner = inner_.forward(x, noise);
    return y_ = inner + x * gate_.sample(noise).asDiagonal();
  }
  void backward(const Matrix<double>& upstream, Matrix<double>& input_gradient) {
    inner_.backward(upstream, input_gradient);
    input_gradient += upstream * gate_.values().asDiagonal();
    gate_.backward(x_.cwiseProduct(upstream).colwise().sum().transpose());
  }
  Matrix<double> predict(const Matrix<double>& x) const {
    return inner_.predict(x) + x * gate_.deterministic().asDiagonal();
  }
  Inner& inner() { return inner_; }
  l0::HardConcreteGate<double>& gate() { return gate_; }

 private:
  Inner inner_;
  l0::HardConcreteGate<double> gate_;
  l0::Buffer<l0::Vector<double>> seen_;
  Matrix<double> x_, y_;
};

/// Derived from a layer that is compacted, with another prediction.
struct Doubled : l0::L0Linear<double> {
  using Base = l0::L0Linear<double>;
  using Base::Base;
  Matrix<double> predict(const Matrix<double>& x) const { return 2 * Base::predict(x); }
};

/// Five columns of three, without a word about how many it takes.
struct Spread {
  using Scalar = double;
  Matrix<double> y{};
  Index outputs(Index) const { return 5; }
  void visit(auto&&) {}
  Matrix<double> predict(const Matrix<double>& x) const { return x * fixed_numbers(3, 5, 9); }
  const Matrix<double>& forward(const Matrix<double>& x, auto&&) { return y = predict(x); }
  void backward(const Matrix<double>& upstream, Matrix<double>& gradient) {
    gradient = upstream * fixed_numbers(3, 5, 9).transpose();
  }
};

template <class Model>
void close_some(Model& model) {
  l0::for_each_gated(model, [](auto& part) {
    auto& location = l0::detail::gates_of(part).location();
    for (Index k = 0; k < location.size(); ++k) location.data()[k] = k % 2 == 0 ? -20 : 20;
  });
}

}  // namespace

TEST_CASE("A residual block of the user's keeps its skip", "[compact]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<double, l0::PerOutput>(4, 5, rng), Block(5, rng), l0::L0Linear<double>(5, 2, rng)};
  close_some(net);
  const Matrix<double> x = fixed_numbers(6, 4, 1);
  CHECK((l0::compact(net).predict(x) - net.predict(x)).cwiseAbs().maxCoeff() < 1e-14);
  CHECK(l0::check_layer(net.part<1>(), fixed_numbers(4, 5, 2)).empty());
}

TEST_CASE("A layer derived from one of the library is not taken for it", "[compact]") {
  l0::Rng rng(1);
  l0::Sequential net{Doubled(4, 5, rng), l0::Relu{}, l0::L0Linear<double>(5, 2, rng)};
  close_some(net);
  const Matrix<double> x = fixed_numbers(6, 4, 1);
  CHECK((l0::compact(net).predict(x) - net.predict(x)).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("Channels before a batch normalisation go, and it goes into its neighbour", "[compact]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Conv2d<double>({1, 6, 6}, 8, 3, rng, {.bias = false}), l0::BatchNorm<double>(8), l0::Relu{},
                     l0::L0Linear<double>(8 * 16, 2, rng)};
  l0::for_each_gated(net, [](auto& part) { part.log_alpha().setConstant(20); });
  net.part<0>().log_alpha().head(4).setConstant(-20);
  net.part<1>().running_mean() = fixed_numbers(8, 1, 3);
  net.part<1>().shift() = fixed_numbers(8, 1, 4);
  const Matrix<double> x = fixed_numbers(6, 36, 1);
  const auto small = l0::compact(net);
  CHECK((small.predict(x) - net.predict(x)).cwiseAbs().maxCoeff() < 1e-13);
  REQUIRE(small.size() == 3);
  const auto* conv = small.layers()[0].get_if<l0::Conv2d<double>>();
  REQUIRE(conv != nullptr);
  CHECK(conv->weight().rows() == 4);
  CHECK(l0::flop_count(small) == 2 * (4 * 9 * 16 + 4 * 16 * 2));
}

TEST_CASE("Gates of the user's own layer are priced, counted, cooled and closed", "[prune]") {
  l0::Rng rng(1);
  l0::Sequential net{Block(4, rng), l0::L0Linear<double, l0::PerInput>(4, 2, rng)};
  CHECK(net.count_gates().all == 4 + 12 + 4 + 4);
  CHECK(l0::L0Penalty<double>{.lambda = 1}.accumulate(net) == Approx(net.l0_penalty()));
  CHECK(net.part<0>().gate().log_alpha_gradient().minCoeff() > 0);
  CHECK(l0::LayerPenalty<double>{.lambda = {1, 1, 5, 1}}.accumulate(net) ==
        Approx(net.l0_penalty() + 4 * net.part<0>().gate().expected_l0()));
  net.set_temperature(0.25);
  CHECK(net.part<0>().gate().temperature() == 0.25);
  close_some(net);
  CHECK(l0::prune(net) == 2 + 6 + 2 + 2);
  CHECK(l0::sparsity_report(net).size() == 3);
  CHECK(l0::sparsity_report(net)[1].name == "0.inner.2 L0Linear");
}

TEST_CASE("A layer of the user's own is stored whole, of a const network too", "[io]") {
  l0::Rng rng(1);
  l0::Sequential net{Block(4, rng), l0::L0Linear<double, l0::PerInput>(4, 2, rng)};
  net.forward(fixed_numbers(6, 4, 1), rng);
  const auto& constant = net;
  const l0::test::TemporaryFile file;
  l0::save_network(file.path(), constant);
  l0::Sequential other{Block(4, rng), l0::L0Linear<double, l0::PerInput>(4, 2, rng)};
  l0::load_network(file.path(), other);
  const Matrix<double> x = fixed_numbers(6, 4, 2);
  CHECK(other.predict(x) == net.predict(x));
  CHECK(other.forward(x, rng) == net.forward(x, rng));
  CHECK(l0::to_tensors(other).tensors.at("0.seen").values == std::vector<double>{12});
}

TEST_CASE("A compacted network is stored and comes back", "[io]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<double, l0::PerInput>(6, 5, rng), l0::Relu{}, l0::L0Linear<double>(5, 2, rng)};
  close_some(net);
  const auto small = l0::compact(net);
  const l0::test::TemporaryFile file;
  l0::save_network(file.path(), small);
  auto other = small;
  for (const auto& parameter : other.parameters()) parameter.values().setZero();
  const Matrix<double> x = fixed_numbers(6, 6, 2);
  CHECK(other.predict(x) != small.predict(x));
  l0::load_network(file.path(), other);
  CHECK(other.predict(x) == small.predict(x));
}

TEST_CASE("A network may begin with a layer that does not tell its columns", "[compact]") {
  l0::Rng rng(1);
  l0::Sequential net{Spread{}, l0::L0Linear<double>(5, 2, rng)};
  close_some(net);
  CHECK(net.inputs() == -1);
  const Matrix<double> x = fixed_numbers(6, 3, 1);
  CHECK(net.predict(x).cols() == 2);
  CHECK(net.forward(x, rng).cols() == 2);
  CHECK_THROWS_AS(l0::compact(net), l0::Error);
  CHECK((l0::compact(net, {.inputs = 3}).predict(x) - net.predict(x)).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("A layer that is copied twice into a network draws twice", "[draws]") {
  l0::Rng rng(1);
  const l0::L0Linear<double> layer(4, 4, rng);
  l0::Sequential net{layer, layer, l0::Sequential{layer}};
  CHECK(net.part<0>().gate().stream() == layer.gate().stream());
  CHECK(net.part<1>().gate().stream() != net.part<0>().gate().stream());
  CHECK(net.part<2>().part<0>().gate().stream() != net.part<1>().gate().stream());
  CHECK(net.part<2>().part<0>().gate().stream() != net.part<0>().gate().stream());
  net.forward(fixed_numbers(3, 4, 1), rng);
  CHECK(net.part<0>().gate().values() != net.part<1>().gate().values());
  auto copy = net;
  CHECK(copy.forward(fixed_numbers(3, 4, 1), rng) == net.forward(fixed_numbers(3, 4, 1), rng));
}

TEST_CASE("Backward refuses to write where it reads", "[layers]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<double>(4, 4, rng), l0::Relu{}};
  l0::L0Linear<double> layer(4, 4, rng);
  l0::Conv2d<double> conv({1, 2, 2}, 1, 1, rng);
  Matrix<double> x = fixed_numbers(3, 4, 1);
  Matrix<double> gradient = fixed_numbers(3, 4, 2);
  const auto refuses = [&](auto& model) {
    model.forward(x, rng);
    CHECK_THROWS_WITH(model.backward(gradient, gradient), Catch::Matchers::ContainsSubstring("one of its own"));
    CHECK_THROWS_WITH(model.backward(gradient, x), Catch::Matchers::ContainsSubstring("one of its own"));
    for (const auto& parameter : model.parameters()) CHECK(parameter.gradients().isZero(0));
  };
  refuses(net);
  refuses(layer);
  refuses(conv);
}

}  // namespace tests::pruning::user_layers
