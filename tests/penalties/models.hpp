// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include <l0/layers/linear.hpp>

namespace l0::test {

/// Three outputs, four inputs.
template <class Grouping, class Scalar = double>
using Layer = L0Linear<Scalar, Grouping>;

/// Calls use(name, layer, gate_of) for a layer of every grouping; gate_of(o, i) is the position of the gate of weight
/// (o, i). Weights stay away from 0, log α is spread over [−3, 3].
template <class Scalar, class Use>
void for_each_grouping(Use&& use) {
  constexpr Index inputs = 4;
  constexpr Index outputs = 3;
  const auto prepare = [&](const char* name, auto grouping, const std::function<Index(Index, Index)>& gate_of) {
    Rng rng(1);
    Layer<decltype(grouping), Scalar> layer(inputs, outputs, rng, grouping, {.gate = {.temperature = Scalar(0.75)}});
    for (Index k = 0; k < layer.weight().size(); ++k) {
      const double x = std::sin(static_cast<double>(3 * k + 1));
      layer.weight().data()[k] = static_cast<Scalar>(x + (x < 0 ? -0.1 : 0.1));
    }
    for (Index k = 0; k < layer.log_alpha().size(); ++k) {
      layer.log_alpha().data()[k] = static_cast<Scalar>(3 * std::cos(static_cast<double>(k)));
    }
    use(name, layer, gate_of);
  };
  const std::vector<Index> of_input{1, 0, 1, 2};
  const std::vector<Index> of_weight{0, 0, 1, 1, 2, 2, 0, 3, 3, 1, 2, 0};
  prepare("PerWeight", PerWeight{}, [=](Index o, Index i) { return o + outputs * i; });
  prepare("PerInput", PerInput{}, [](Index, Index i) { return i; });
  prepare("PerOutput", PerOutput{}, [](Index o, Index) { return o; });
  prepare("Groups of inputs", Groups(of_input), [=](Index, Index i) { return of_input[std::size_t(i)]; });
  prepare("Groups of weights", Groups(of_weight),
          [=](Index o, Index i) { return of_weight[std::size_t(o * inputs + i)]; });
}

/// A user's own model: two layers with different groupings and a gate array that stands alone.
struct UserModel {
  explicit UserModel(Rng& rng) : first(4, 3, rng), second(3, 2, rng), extra(5, {.init_sparsity = 0.3, .stream = 99}) {
    first.log_alpha().setConstant(-0.4);
    second.log_alpha().setConstant(1.3);
  }

  using Scalar = double;
  Parameters<double> parameters() { return l0::parameters(*this); }
  void visit(auto&& v) {
    v("first", first);
    v("second", second);
    v("extra", extra);
  }

  L0Linear<double> first;
  L0Linear<double, PerInput> second;
  HardConcreteGate<double> extra;
};

/// All values, or all gradients, of a model in one vector.
template <class Scalar>
Vector<Scalar> all_values(const Parameters<Scalar>& parameters) {
  Vector<Scalar> all(0);
  for (const auto& parameter : parameters) {
    all.conservativeResize(all.size() + parameter.size());
    all.tail(parameter.size()) = parameter.values();
  }
  return all;
}
template <class Scalar>
Vector<Scalar> all_gradients(const Parameters<Scalar>& parameters) {
  Vector<Scalar> all(0);
  for (const auto& parameter : parameters) {
    all.conservativeResize(all.size() + parameter.size());
    all.tail(parameter.size()) = parameter.gradients();
  }
  return all;
}
template <class Scalar>
void set_values(const Parameters<Scalar>& parameters, const Vector<Scalar>& all) {
  Index first = 0;
  for (const auto& parameter : parameters) {
    parameter.values() = all.segment(first, parameter.size());
    first += parameter.size();
  }
}
template <class Scalar>
void set_gradients(const Parameters<Scalar>& parameters, Scalar value) {
  for (const auto& parameter : parameters) parameter.gradients().setConstant(value);
}

}  // namespace l0::test
