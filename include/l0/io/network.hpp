// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Stores networks and training runs as safetensors files. A door of its own: `l0.hpp` does not include it.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <l0/core/parameter.hpp>
#include <l0/io/safetensors.hpp>
#include <l0/io/text.hpp>

namespace l0 {

namespace detail {

/// A parameter of a network under its name in a file.
template <class Scalar>
struct NamedParameter {
  std::string name;
  std::vector<Index> shape;
  ParameterRef<Scalar> parameter;
};

/// The shape under which others know a parameter: OIHW for the weights of convolutions, vectors with one dimension.
template <class Part, class Scalar>
std::vector<Index> stored_shape(const Part& part, const ParameterRef<Scalar>& parameter) {
  if constexpr (requires { part.window(); }) {
    if (parameter.kind() == ParameterKind::weight) {
      const auto kernel = part.window().kernel();
      return {parameter.rows(), parameter.columns() / part.window().area(), kernel.height, kernel.width};
    }
  }
  if (parameter.columns() == 1 && parameter.kind() != ParameterKind::weight) return {parameter.rows()};
  return {parameter.rows(), parameter.columns()};
}

/// All parameters, named by the place of their layer: "0.weight", "0.log_alpha", "2.1.bias".
template <class Scalar, class Part>
void append_parameters(std::vector<NamedParameter<Scalar>>& list, Part& part, const std::string& place) {
  if constexpr (requires { part.for_each_part([](std::size_t, auto&) {}); }) {
    part.for_each_part([&](std::size_t i, auto& inner) { append_parameters(list, inner, place + to_text(i) + "."); });
  } else if constexpr (requires { part.parameters(); }) {
    for (const auto& parameter : part.parameters()) {
      list.push_back({place + std::string(parameter.name()), stored_shape(part, parameter), parameter});
    }
  }
}

/// Calls visit(name, gate) for the gates of all layers.
template <class Part, class Visitor>
void for_each_gate(Part& part, const std::string& place, Visitor&& visit) {
  if constexpr (requires { part.for_each_part([](std::size_t, auto&) {}); }) {
    part.for_each_part([&](std::size_t i, auto& inner) { for_each_gate(inner, place + to_text(i) + ".", visit); });
  } else if constexpr (requires { part.gate().draw(); }) {
    visit(place, part.gate());
  }
}

/// Files hold numbers row by row, parameters column by column.
template <class Scalar>
Tensor<Scalar> to_tensor(const NamedParameter<Scalar>& named, Eigen::Map<const Vector<Scalar>> values) {
  const Index rows = named.parameter.rows();
  const Index columns = named.parameter.columns();
  Tensor<Scalar> tensor{named.shape, {}};
  tensor.values.reserve(static_cast<std::size_t>(values.size()));
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) tensor.values.push_back(values(j * rows + i));
  }
  return tensor;
}
template <class Scalar>
void from_tensor(const Tensor<Scalar>& tensor, const NamedParameter<Scalar>& named, Eigen::Map<Vector<Scalar>> values) {
  const Index rows = named.parameter.rows();
  const Index columns = named.parameter.columns();
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) values(j * rows + i) = tensor.values[static_cast<std::size_t>(i * columns + j)];
  }
}

inline std::string shape_list(const std::vector<Index>& shape) {
  std::string text = "[";
  for (const Index extent : shape) text += (text.size() == 1 ? "" : ", ") + to_text(extent);
  return text + "]";
}

/// The tensor of a name and shape. Throws `Error` where the file has none: it belongs to another architecture; and
/// where a number in it is not finite: no network predicts with that.
template <class Scalar>
const Tensor<Scalar>& find_tensor(const std::string& path, const TensorFile<Scalar>& file, const std::string& name,
                                  const std::vector<Index>& shape) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) fail_file(path, "without tensor " + name, "one of shape " + shape_list(shape));
  if (found->second.shape != shape) {
    fail_file(path, "with tensor " + name + " of shape " + shape_list(found->second.shape), shape_list(shape));
  }
  for (const Scalar value : found->second.values) {
    if (!has_finite_bits(value)) {
      fail_file(path, "with " + to_text(value) + " in the tensor " + name, "finite numbers");
    }
  }
  return found->second;
}

template <class Number>
Number metadata_number(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::string& key) {
  const auto found = metadata.find(key);
  Number number{};
  if (found == metadata.end()) fail_file(path, "without " + key + " in its metadata", "a number");
  if (!parse_number(found->second, number)) {
    fail_file(path, "with " + key + " = " + found->second + " in its metadata", "a finite number");
  }
  return number;
}

/// The state of a gate array that is no tensor.
template <class Scalar>
struct GateState {
  Scalar temperature;
  std::uint64_t draw;
  bool frozen;
};

/// Refuses a file whose gates were stretched otherwise than those of the network.
template <class Scalar>
void require_stretch(const std::string& path, const std::map<std::string, std::string>& metadata,
                     const std::string& key, Scalar expected) {
  const auto value = metadata_number<Scalar>(path, metadata, key);
  if (value != expected) {
    fail_file(path, "with " + key + " = " + to_text(value) + " in its metadata",
              to_text(expected) + ", as the gates of the network were made");
  }
}

/// What the metadata say of a gate array. Throws `Error` for what it cannot have.
template <class Gate>
GateState<typename Gate::Scalar> gate_state(const std::string& path, const std::map<std::string, std::string>& metadata,
                                            const std::string& place, const Gate& gate) {
  using Scalar = typename Gate::Scalar;
  GateState<Scalar> state{metadata_number<Scalar>(path, metadata, place + "temperature"),
                          metadata_number<std::uint64_t>(path, metadata, place + "draw"), false};
  if (!(state.temperature > 0)) fail_file(path, "with a temperature of " + to_text(state.temperature), "one > 0");
  const int frozen = metadata_number<int>(path, metadata, place + "frozen");
  if (frozen != 0 && frozen != 1) fail_file(path, "with " + place + "frozen = " + to_text(frozen), "0 or 1");
  state.frozen = frozen == 1;
  if constexpr (requires { gate.distribution().gamma; }) {
    require_stretch(path, metadata, place + "gamma", gate.distribution().gamma);
    require_stretch(path, metadata, place + "zeta", gate.distribution().zeta);
  }
  return state;
}

}  // namespace detail

/// What a file of `save_network` holds: weights, biases and log α as tensors named by the place of their layer, and in
/// the metadata temperature, draw number, γ, ζ and the frozen flag of every layer's gates.
template <class Network>
TensorFile<typename Network::Scalar> to_tensors(Network& network) {
  using Scalar = typename Network::Scalar;
  std::vector<detail::NamedParameter<Scalar>> parameters;
  detail::append_parameters(parameters, network, "");
  TensorFile<Scalar> file;
  for (const auto& named : parameters) {
    const bool is_new = file.tensors
                            .emplace(named.name, detail::to_tensor<Scalar>(
                                                     named, {named.parameter.values().data(), named.parameter.size()}))
                            .second;
    if (!is_new) detail::fail("parameter " + named.name, "there twice", "names that differ within a layer");
  }
  detail::for_each_gate(network, "", [&](const std::string& place, auto& gate) {
    file.metadata[place + "temperature"] = detail::to_text(gate.temperature());
    file.metadata[place + "draw"] = detail::to_text(gate.draw());
    file.metadata[place + "frozen"] = gate.frozen() ? "1" : "0";
    if constexpr (requires { gate.distribution().gamma; }) {
      file.metadata[place + "gamma"] = detail::to_text(gate.distribution().gamma);
      file.metadata[place + "zeta"] = detail::to_text(gate.distribution().zeta);
    }
  });
  file.metadata["format"] = "pt";  // as PyTorch's users expect it
  return file;
}

/// Puts tensors into a network. Throws `Error` unless the file has all of its parameters in their shapes and no others
/// (tensors of whole numbers are passed over), and its gates are of the same γ and ζ; then nothing is changed. `more`
/// more tensors may be there, for what else a file holds.
template <class Network>
void from_tensors(const std::string& path, const TensorFile<typename Network::Scalar>& file, Network& network,
                  std::size_t more = 0) {
  using Scalar = typename Network::Scalar;
  std::vector<detail::NamedParameter<Scalar>> parameters;
  detail::append_parameters(parameters, network, "");
  if (file.tensors.size() != parameters.size() + more) {
    detail::fail_file(path, "with " + detail::to_text(file.tensors.size()) + " tensors",
                      detail::to_text(parameters.size() + more) + ": it belongs to another network");
  }
  for (const auto& named : parameters) detail::find_tensor(path, file, named.name, named.shape);
  std::map<std::string, detail::GateState<Scalar>> gates;
  detail::for_each_gate(network, "", [&](const std::string& place, const auto& gate) {
    gates[place] = detail::gate_state(path, file.metadata, place, gate);
  });
  for (const auto& named : parameters) {
    detail::from_tensor(file.tensors.at(named.name), named, named.parameter.values());
  }
  detail::for_each_gate(network, "", [&](const std::string& place, auto& gate) {
    const auto& state = gates[place];
    gate.set_temperature(state.temperature);
    gate.set_draw(state.draw);
    if (state.frozen) {
      gate.freeze();
    } else {
      gate.unfreeze();
    }
  });
}

namespace detail {

/// What stands in a file under names that begin with `prefix`, without it.
template <class Scalar>
TensorFile<Scalar> with_prefix(const TensorFile<Scalar>& file, const std::string& prefix) {
  TensorFile<Scalar> part;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.compare(0, prefix.size(), prefix) == 0) part.tensors[name.substr(prefix.size())] = tensor;
  }
  for (const auto& [key, value] : file.metadata) {
    if (key.compare(0, prefix.size(), prefix) == 0) part.metadata[key.substr(prefix.size())] = value;
  }
  return part;
}

}  // namespace detail

/// Stores weights, biases and gates of a network, for `load_network` or for Python: safetensors.torch.load_file(path)
/// gives "0.weight", "0.bias", "0.log_alpha", ... in PyTorch's shapes. Throws `Error` where the file cannot be written.
template <class Network>
void save_network(const std::string& path, Network& network, StoredPrecision precision = StoredPrecision::full) {
  write_safetensors(path, to_tensors(network), precision);
}

/// Reads them into a network of the same layers, of the same scalar type or one that holds the file's numbers exactly.
/// Throws `Error` for anything else, and then the network is as before.
template <class Network>
void load_network(const std::string& path, Network& network) {
  from_tensors(path, read_safetensors<typename Network::Scalar>(path), network);
}

/// Stores a training run: the network, the state of its optimizer, the epoch, and with `patience` the best network.
/// What else changes while it trains is for its owner to store, as `Budget::lambda()`.
template <class Network, class Trainer>
void save_checkpoint(const std::string& path, Network& network, Trainer& trainer) {
  auto file = to_tensors(network);
  Index k = 0;
  trainer.optimizer().for_each_state([&](const auto&, const auto& state) {
    file.tensors["optimizer." + detail::to_text(k++)] = {{state.size()}, {state.data(), state.data() + state.size()}};
  });
  file.metadata["epoch"] = detail::to_text(trainer.epoch());
  file.metadata["steps"] = detail::to_text(trainer.optimizer().steps());
  if (trainer.best().network) {
    Network best = *trainer.best().network;
    for (auto& [name, tensor] : to_tensors(best).tensors) file.tensors["best." + name] = std::move(tensor);
    for (auto& [key, value] : to_tensors(best).metadata) file.metadata["best." + key] = value;
    file.metadata["best.loss"] = detail::to_text(trainer.best().loss);
    file.metadata["best.epochs_since"] = detail::to_text(trainer.best().epochs_since);
  }
  write_safetensors(path, file);
}

/// Puts a network and its trainer back where `save_checkpoint` was called: training goes on to the same bits. Throws
/// `Error` for another architecture or a damaged file, and then both are as before.
template <class Network, class Trainer>
void load_checkpoint(const std::string& path, Network& network, Trainer& trainer) {
  const auto file = read_safetensors<typename Network::Scalar>(path);
  const auto epoch = detail::metadata_number<Index>(path, file.metadata, "epoch");
  const auto steps = detail::metadata_number<Index>(path, file.metadata, "steps");
  if (epoch < 0 || steps < 0) detail::fail_file(path, "with a negative epoch or number of steps", "numbers >= 0");
  std::size_t count = 0;
  trainer.optimizer().for_each_state([&](const auto&, const auto& state) {
    detail::find_tensor(path, file, "optimizer." + detail::to_text(count++), {state.size()});
  });
  typename Trainer::Best best;
  if (file.metadata.count("best.loss") > 0) {
    best.loss = detail::metadata_number<double>(path, file.metadata, "best.loss");
    best.epochs_since = detail::metadata_number<Index>(path, file.metadata, "best.epochs_since");
    if (best.epochs_since < 0) detail::fail_file(path, "with a negative number of epochs", "one >= 0");
    const auto of_best = detail::with_prefix(file, "best.");
    best.network.emplace(network);
    from_tensors(path, of_best, *best.network);
    count += of_best.tensors.size();
  }
  from_tensors(path, file, network, count);
  trainer.set_best(std::move(best));
  Index k = 0;
  trainer.optimizer().for_each_state([&](const auto&, auto& state) {
    const auto& values = file.tensors.at("optimizer." + detail::to_text(k++)).values;
    std::copy(values.begin(), values.end(), state.data());
  });
  trainer.optimizer().set_steps(steps);
  trainer.set_epoch(epoch);
}

}  // namespace l0
