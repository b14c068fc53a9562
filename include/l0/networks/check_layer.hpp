// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/visit.hpp>
#include <l0/networks/network.hpp>

namespace l0 {

namespace detail {

/// The laws of a layer, one function each, which says what is broken.
template <Layer L>
class LayerLaws {
 public:
  using Scalar = typename L::Scalar;
  static_assert(std::is_same_v<Scalar, double>, "l0: finite differences need a layer of doubles");

  LayerLaws(const L& layer, const Matrix<Scalar>& x) : layer_(layer), x_(x) {}

  std::vector<std::string> broken() {
    if (shapes()) {
      gradients();
      copies();
      storage();
      compaction();
    }
    return std::move(broken_);
  }

 private:
  void report(bool holds, std::string law) {
    if (!holds && std::find(broken_.begin(), broken_.end(), law) == broken_.end()) broken_.push_back(std::move(law));
  }

  /// Up to rounding and, for slopes, finite differences.
  static bool near(const Matrix<Scalar>& a, const Matrix<Scalar>& b, Scalar share) {
    if (a.rows() != b.rows() || a.cols() != b.cols() || !a.allFinite() || !b.allFinite()) return false;
    return a.size() == 0 || (a - b).cwiseAbs().maxCoeff() <= share * std::max(Scalar(1), b.cwiseAbs().maxCoeff());
  }

  Matrix<Scalar> upstream() const {
    Matrix<Scalar> u(x_.rows(), layer_.outputs(x_.cols()));
    for (Index k = 0; k < u.size(); ++k) u.data()[k] = std::sin(static_cast<Scalar>(3 * k + 1));
    return u;
  }

  bool shapes() {
    L layer = layer_;
    const Index columns = layer_.outputs(x_.cols());
    report(columns_in(layer_) < 0 || columns_in(layer_) == x_.cols(), "inputs() is not what the layer takes");
    const Matrix<Scalar> predicted = layer_.predict(x_);
    report(predicted.rows() == x_.rows() && predicted.cols() == columns, "predict gives other columns than outputs()");
    const Matrix<Scalar>& y = layer.forward(x_, rng_);
    report(y.rows() == x_.rows() && y.cols() == columns, "forward gives other columns than outputs()");
    return broken_.empty();
  }

  /// Every gradient of Σ upstream ∘ y, each value from a fresh copy: the same draws.
  void gradients() {
    const Matrix<Scalar> u = upstream();
    L layer = layer_;
    for (const auto& parameter : parameters(layer)) parameter.gradients().setZero();
    layer.forward(x_, rng_);
    Matrix<Scalar> by_x;
    layer.backward(u, by_x);
    std::vector<Vector<Scalar>> once;
    for (const auto& parameter : parameters(layer)) once.push_back(parameter.gradients());
    const Matrix<Scalar> first_by_x = by_x;
    layer.backward(u, by_x);
    report(near(by_x, first_by_x, rounding), "a second backward gives another gradient by x");
    const auto handles = parameters(layer);
    for (std::size_t k = 0; k < handles.size(); ++k) {
      report(near(handles[k].gradients(), 2 * once[k], rounding), "a second backward does not add");
    }
    const auto value = [&](const L& at, const Matrix<Scalar>& x) {
      L copy = at;
      return copy.forward(x, rng_).cwiseProduct(u).sum();
    };
    for (std::size_t k = 0; k < once.size(); ++k) {
      Vector<Scalar> slope(once[k].size());
      for (Index i = 0; i < slope.size(); ++i) {
        slope(i) = along([&](Scalar step) {
          L moved = layer_;
          parameters(moved)[k].values()(i) += step;
          return value(moved, x_);
        });
      }
      report(near(once[k], slope, differences), "the gradient of parameter " + to_text(k) + " is not its slope");
    }
    Matrix<Scalar> slope(x_.rows(), x_.cols());
    for (Index i = 0; i < slope.size(); ++i) {
      slope.data()[i] = along([&](Scalar step) {
        Matrix<Scalar> x = x_;
        x.data()[i] += step;
        return value(layer_, x);
      });
    }
    report(near(first_by_x, slope, differences), "the gradient by x is not its slope");
  }

  template <class F>
  static Scalar along(F&& f) {
    constexpr Scalar h = 1e-4;
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
  }

  void copies() {
    L copy = layer_;
    report(copy.predict(x_) == layer_.predict(x_), "a copy predicts otherwise");
    L again = layer_;
    const Matrix<Scalar> drawn = again.forward(x_, rng_);
    report(copy.forward(x_, rng_) == drawn, "a copy draws otherwise");
    const Matrix<Scalar> before = layer_.predict(x_);
    for (const auto& parameter : parameters(copy)) parameter.values().array() += Scalar(0.5);
    report(layer_.predict(x_) == before, "a copy shares parameters with the original");
  }

  /// A layer that has been used, put back together from what it visits, is the same.
  void storage() {
    L used = layer_;
    for (const auto& parameter : parameters(used)) parameter.values() *= Scalar(0.9);
    used.forward(Matrix<Scalar>(x_ * Scalar(1.5)), rng_);
    used.forward(x_, rng_);
    L restored = layer_;
    std::vector<std::pair<std::string, Vector<Scalar>>> stored;
    const auto each = [&](auto& part, auto&& use) {
      walk(part, [&](const std::string& name, auto& member, const auto&...) {
        using Member = std::remove_reference_t<decltype(member)>;
        if constexpr (ParameterMember<Member>) {
          use(name, Eigen::Map<Vector<Scalar>>(member.value().data(), member.size()));
        } else if constexpr (BufferMember<Member>) {
          use(name, Eigen::Map<Vector<Scalar>>(member.value.data(), member.value.size()));
        } else if constexpr (NumberMember<Member> && !std::is_const_v<Member>) {
          Vector<Scalar> one(1);
          one << static_cast<Scalar>(member);
          use(name, Eigen::Map<Vector<Scalar>>(one.data(), 1));
          member = static_cast<Member>(one(0));
        }
      });
    };
    each(used, [&](const std::string& name, Eigen::Map<Vector<Scalar>> values) { stored.emplace_back(name, values); });
    for (std::size_t k = 0; k < stored.size(); ++k) {
      for (std::size_t j = 0; j < k; ++j) report(stored[j].first != stored[k].first, "two members have one name");
    }
    std::size_t next = 0;
    each(restored, [&](const std::string&, Eigen::Map<Vector<Scalar>> values) { values = stored[next++].second; });
    report(restored.predict(x_) == used.predict(x_), "what it visits does not make the layer predict as it did");
    report(restored.forward(x_, rng_) == used.forward(x_, rng_),
           "what it visits does not make the layer go on as it did");
  }

  /// Between linear layers with zeros, in front and behind, compaction changes nothing but rounding.
  void compaction() {
    const Index inputs = x_.cols();
    const Index outputs = layer_.outputs(inputs);
    for (Index pattern = 0; pattern < 6; ++pattern) {
      Matrix<Scalar> front = Matrix<Scalar>::Identity(inputs, inputs);
      Vector<Scalar> constants = Vector<Scalar>::Zero(inputs);
      Matrix<Scalar> back(2, outputs);
      for (Index j = 0; j < outputs; ++j) {
        back.col(j) << std::cos(static_cast<Scalar>(j)), std::sin(static_cast<Scalar>(2 * j));
        if ((j * 7 + pattern) % 3 == 0 && pattern > 0) back.col(j).setZero();
      }
      for (Index j = 0; j < inputs; ++j) {
        if ((j * 5 + pattern) % 4 != 0 || pattern < 2) continue;
        front.row(j).setZero();
        if (pattern % 2 == 1) constants(j) = x_(0, j);
      }
      Network<Scalar> net;
      net.add(Linear<Scalar>(front, constants))
          .add(layer_)
          .add(Linear<Scalar>(back, Vector<Scalar>(Vector<Scalar>::Ones(2))));
      Columns<Scalar> in(inputs);
      in.need_all();
      Columns<Scalar> out(2);
      out.need_all();
      report(near(net.smaller(in, out).predict(x_), net.predict(x_), rounding), "compaction changes the prediction");
    }
  }

  static constexpr Scalar rounding = 1e-11;
  static constexpr Scalar differences = 1e-7;

  const L& layer_;
  const Matrix<Scalar>& x_;
  Rng rng_{42};
  std::vector<std::string> broken_;
};

}  // namespace detail

/// Which of the laws that networks rely on a layer breaks at a batch x, a sentence each; empty where all hold:
///
///     CHECK(l0::check_layer(MyLayer(5), X).empty());
///
/// That shapes are as it says; that every gradient is the slope of the value, to 1e-7 by differences, and a second
/// `backward` adds; that a copy is the same and its own; that what it visits is all that makes it predict and go on as
/// it does; and that `compact` changes nothing but rounding, with constants in front and unread columns behind. The
/// layer is of doubles; x has all values that it takes, away from kinks, and is small: the layer is called 4 times per
/// number.
template <Layer L>
std::vector<std::string> check_layer(const L& layer, const Matrix<typename L::Scalar>& x) {
  return detail::LayerLaws<L>(layer, x).broken();
}

}  // namespace l0
