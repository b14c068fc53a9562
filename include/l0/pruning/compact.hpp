// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// pruning/: from closed gates to a smaller network.
///
///     trained network
///       ▼ prune              gates at or under a threshold close for good, their weights become 0
///       │   sparsity_report, flop_count: what is open, layer by layer
///       ▼ compact
///       │   append_stages    each part as a stage with its weights as in prediction (stages.hpp)
///       │   find_constants   front to back: which columns are the same for every sample; folded into biases
///       │   find_needs       back to front: which columns the result depends on
///       ▼   build            what is left of every stage
///     CompactModel (networks/network.hpp): predicts the same, to rounding

#include <type_traits>
#include <utility>
#include <vector>

#include <l0/networks/sequential.hpp>
#include <l0/penalties/penalty.hpp>
#include <l0/pruning/stages.hpp>

namespace l0 {

/// Options of `compact`.
struct CompactOptions {
  double sparse_below =
      0.1;  ///< linear layers with a smaller share of weights other than 0 are stored sparse; in [0, 1]
};

namespace detail {

/// A gated layer of this library: known to be linear in its effective weights.
template <class Part>
concept PredictsByWeights = GatedLayer<Part> && requires(const Part& part) {
  part.effective_weight();
  part.has_bias();
  part.bias();
};

/// A layer that scales its columns in prediction: a `FeatureGate`.
template <class Part>
concept ScalesColumns = Layer<Part> && requires(const Part& part) {
  { part.gates() } -> std::same_as<Vector<typename Part::Scalar>>;
};

template <class Part>
concept IsDepthwise = requires {
  Part::is_depthwise;
};

/// Appends the stages of one part; `columns` is how many it takes, and then how many it gives.
template <class Scalar, class Part>
void append_stages(std::vector<Stage<Scalar>>& stages, const Part& part, Index& columns) {
  if constexpr (requires { part.for_each_part([](std::size_t, const auto&) {}); }) {
    part.for_each_part([&](std::size_t, const auto& inner) { append_stages(stages, inner, columns); });
    return;
  } else if constexpr (std::is_same_v<Part, Flatten>) {
    return;
  } else if constexpr (Activation<Part>) {
    stages.push_back(ActivationStage<Scalar>{
        [part](const Scalar* x, Scalar* y, Index size) { dispatch<ActivateKernel>(part, x, y, size); }, columns});
    return;
  } else if constexpr (std::is_same_v<Part, MaxPool2d> || std::is_same_v<Part, AvgPool2d>) {
    stages.push_back(PoolStage<Scalar, Part>{part});
  } else if constexpr (PredictsByWeights<Part>) {
    Vector<Scalar> bias = part.has_bias() ? Vector<Scalar>(part.bias()) : Vector<Scalar>::Zero(part.weight().rows());
    if constexpr (requires { part.window(); }) {
      stages.push_back(
          ConvolutionStage<Scalar>{part.window(), IsDepthwise<Part>, part.effective_weight(), std::move(bias)});
    } else {
      stages.push_back(LinearStage<Scalar>{part.effective_weight(), std::move(bias)});
    }
  } else if constexpr (ScalesColumns<Part>) {
    stages.push_back(ScaleStage<Scalar>{part.gates()});
  } else if constexpr (Layer<Part>) {
    const Index outputs = columns_out(part, columns);
    require(outputs >= 0, "outputs() of a layer", outputs, "a layer that tells its columns, to be compacted");
    stages.push_back(
        WholeStage<Scalar>{{outputs, [part](const Matrix<Scalar>& x, Matrix<Scalar>& y) { y = part.predict(x); }}});
  } else {
    stages.push_back(WholeStage<Scalar>{{part.outputs(), [part](const Matrix<Scalar>& x, Matrix<Scalar>& y) {
                                           y.resize(x.rows(), part.outputs());
                                           part.apply(x.data(), x.rows(), y.data());
                                         }}});
  }
  columns = columns_out(part, columns);
}

/// The layers that are left of a list of stages on `inputs` columns.
template <class Scalar>
CompactModel<Scalar> compact_stages(std::vector<Stage<Scalar>> stages, Index inputs, const CompactRule& rule) {
  std::vector<Columns<Scalar>> between{Columns<Scalar>(inputs)};  // before stage 0, 1, ... and at the end
  for (auto& stage : stages) {
    Columns<Scalar> out(std::visit([](const auto& s) { return s.outputs(); }, stage));
    std::visit([&](auto& s) { s.find_constants(between.back(), out); }, stage);
    between.push_back(std::move(out));
  }
  between.back().need(0, between.back().size());
  for (std::size_t k = stages.size(); k-- > 0;) {
    std::visit([&](const auto& s) { s.find_needs(between[k], between[k + 1]); }, stages[k]);
  }

  std::vector<typename CompactModel<Scalar>::Layer> layers;
  std::vector<Index> present(static_cast<std::size_t>(inputs));
  for (std::size_t j = 0; j < present.size(); ++j) present[j] = static_cast<Index>(j);
  for (std::size_t k = 0; k < stages.size(); ++k) {
    const std::vector<Index> in = between[k].needed_columns();
    if (in != present) {
      SelectColumns select;
      for (std::size_t i = 0, j = 0; j < in.size(); ++i) {
        if (present[i] != in[j]) continue;
        select.columns.push_back(static_cast<Index>(i));
        ++j;
      }
      layers.emplace_back(std::move(select));
    }
    std::visit(
        [&](const auto& s) {
          present = s.given(between[k + 1].needed_columns());
          layers.emplace_back(s.build(in, present, rule));
        },
        stages[k]);
  }
  return CompactModel<Scalar>(inputs, std::move(layers));
}

L0_COMPILED(CompactModel<float> compact_stages(std::vector<Stage<float>>, Index, const CompactRule&));
L0_COMPILED(CompactModel<double> compact_stages(std::vector<Stage<double>>, Index, const CompactRule&));

}  // namespace detail

/// A small network that predicts what `model` predicts, to rounding: `compact(net).predict(X)` is `net.predict(X)`.
///
/// Gone are inputs that nothing reads, neurons and channels whose weights are all 0 in prediction, those that no open
/// weight reads, and, of those that are a constant for every sample (a closed neuron with a bias), the constant goes
/// into the bias of the layer after. One thing stays: a channel of a constant other than 0 before a convolution or mean
/// pooling with padding, where the border sees another sum. Linear layers with few weights left are stored sparse.
/// Layers of the user's own are copied whole.
///
/// Takes a network (`Sequential`) or one layer with `inputs()`. Prune first if gates near 0 should go too.
template <class Model>
  requires requires { typename Model::Scalar; }
CompactModel<typename Model::Scalar> compact(const Model& model, const CompactOptions& options = {}) {
  using Scalar = typename Model::Scalar;
  detail::require(options.sparse_below >= 0 && options.sparse_below <= 1, "sparse_below", options.sparse_below,
                  "a share in [0, 1]");
  const Index inputs = model.inputs();
  detail::require(inputs >= 0, "inputs() of the network", inputs, "a first layer that tells its columns");
  std::vector<detail::Stage<Scalar>> stages;
  Index columns = inputs;
  detail::append_stages(stages, model, columns);
  return detail::compact_stages(std::move(stages), inputs, {options.sparse_below});
}

}  // namespace l0
