// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// pruning/: from closed gates to a smaller network.
///
///     trained network
///       ▼ prune              gates at or under a threshold close for good, their weights become 0
///       │   sparsity_report, flop_count: what is open, layer by layer
///       ▼ compact
///       │   find_constants   front to back: which columns are the same for every sample; folded into biases
///       │   find_needs       back to front: which columns the result depends on
///       ▼   compacted        what is left of every layer (layers/compaction.hpp); others are kept whole
///     Network (networks/network.hpp): predicts the same, to rounding

#include <utility>
#include <vector>

#include <l0/networks/network.hpp>

namespace l0 {

/// Options of `compact`.
struct CompactOptions {
  /// Linear layers with a smaller share of weights other than 0 are stored sparse; in [0, 1].
  double sparse_below = 0.1;
  Index inputs = -1;  ///< columns of X, where the first layer of the network does not tell
};

/// A small network that predicts what `model` predicts, to rounding: `compact(net).predict(X)` is `net.predict(X)`.
///
/// Gone are inputs that nothing reads, neurons and channels whose weights are all 0 in prediction, those that no open
/// weight reads, and, of those that are a constant for every sample (a closed neuron with a bias), the constant goes
/// into the bias of the layer after. A batch normalisation goes into the layer before or after it, `Dropout` is gone.
/// Linear layers with few weights left are stored sparse. Layers of the user's own that are not `Compactable` are
/// copied whole: they read all that they read before.
///
/// Takes a network or one layer. Prune first if gates near 0 should go too. Throws `Error` where the model does not
/// tell its columns and `inputs` is not given.
template <Layer Model>
Network<typename Model::Scalar> compact(const Model& model, const CompactOptions& options = {}) {
  using Scalar = typename Model::Scalar;
  detail::require(options.sparse_below >= 0 && options.sparse_below <= 1, "sparse_below", options.sparse_below,
                  "a share in [0, 1]");
  const Index told = detail::columns_in(model);
  const Index inputs = told >= 0 ? told : options.inputs;
  detail::require(inputs >= 0, "inputs() of the network", inputs,
                  "a first layer that tells its columns, or .inputs in the options");
  Network<Scalar> network;
  network.add(model);
  Columns<Scalar> in(inputs);
  in.sparse_below = options.sparse_below;
  in.need_all();
  Columns<Scalar> out(network.outputs(inputs));
  out.need_all();
  return network.smaller(in, out);
}

}  // namespace l0
