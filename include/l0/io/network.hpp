// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Stores networks and training runs as safetensors files. A door of its own: `l0.hpp` does not include it.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <l0/core/visit.hpp>
#include <l0/io/safetensors.hpp>
#include <l0/io/stored_layers.hpp>
#include <l0/io/text.hpp>

namespace l0 {

namespace detail {

/// The extents of an array in a file: those that the part gave it, or its own, vectors with one.
template <class Values>
std::vector<Index> stored_shape(const Values& values, const StoredShape& given) {
  std::vector<Dependent<Index, Values>> shape;
  for (const Index extent : given.extents) {
    if (extent == 0 && given.extents[2] == 0 && shape.size() >= 2) break;
    if (given.extents[0] + given.extents[1] + given.extents[2] > 0) shape.push_back(extent);
  }
  if (!shape.empty()) return shape;
  if (values.cols() == 1) return {values.rows()};
  return {values.rows(), values.cols()};
}
template <class Values>
std::vector<Index> stored_shape(const Values& values, const Range& = {}) {
  return stored_shape(values, StoredShape{});
}

/// Files hold numbers row by row, models column by column.
template <class Scalar, class Values>
Tensor<Scalar> to_tensor(const Values& values, std::vector<Index> shape) {
  Tensor<Scalar> tensor{std::move(shape), {}};
  tensor.values.reserve(static_cast<std::size_t>(values.size()));
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j) tensor.values.push_back(values(i, j));
  }
  return tensor;
}
template <class Scalar, class Values>
void from_tensor(const Tensor<Scalar>& tensor, Values& values) {
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j) {
      values(i, j) = tensor.values[static_cast<std::size_t>(i * values.cols() + j)];
    }
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

/// A number of a model out of the metadata. Throws `Error` for none, for one out of its range, and for another than the
/// model's own where that cannot change.
template <class Number, class... More>
std::remove_const_t<Number> stored_number(const std::string& path, const std::map<std::string, std::string>& metadata,
                                          const std::string& key, Number now, const More&... more) {
  using Value = std::remove_const_t<Number>;
  using Written = std::conditional_t<std::is_same_v<Value, bool> || std::is_enum_v<Value>, int, Value>;
  const auto written = metadata_number<Written>(path, metadata, key);
  const auto refuse = [&](std::string_view expectation) {
    fail_file(path, "with " + key + " = " + metadata.at(key) + " in its metadata", expectation);
  };
  if (std::is_same_v<Value, bool> && written != Written(0) && written != Written(1)) refuse("0 or 1");
  if (std::is_const_v<Number> && static_cast<Value>(written) != now) {
    refuse(to_text(static_cast<Written>(now)) + ", as in the model");
  }
  [[maybe_unused]] const auto check = [&](const auto& one) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, Range>) {
      const auto value = static_cast<double>(written);
      if (!(value > one.above && value <= one.at_most)) refuse(one.expectation);
    }
  };
  (check(more), ...);
  return static_cast<Value>(written);
}

/// A list of numbers, comma by comma. Throws `Error` for other text.
inline std::vector<double> stored_list(const std::string& path, const std::map<std::string, std::string>& metadata,
                                       const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) fail_file(path, "without " + key + " in its metadata", "a list of numbers");
  std::vector<double> list;
  for (std::string_view rest = found->second; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    double number = 0;
    if (!parse_number(std::string(rest.substr(0, end)), number)) {
      fail_file(path, "with " + key + " = " + found->second + " in its metadata", "finite numbers with commas between");
    }
    list.push_back(number);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return list;
}

/// Puts what a part consists of into a file, under names that begin with `prefix`.
template <class Scalar, class Part>
void store_members(TensorFile<Scalar>& file, const Part& part, const std::string& prefix = {}) {
  walk(
      part,
      [&](const std::string& name, const auto& member, const auto&... more) {
        using Member = std::remove_cvref_t<decltype(member)>;
        const auto put = [&](const auto& values) {
          if (!file.tensors.emplace(name, to_tensor<Scalar>(values, stored_shape(values, more...))).second) {
            fail("array " + name, "there twice", "names that differ within a part");
          }
        };
        if constexpr (ParameterMember<Member>) {
          put(member.value());
        } else if constexpr (BufferMember<Member>) {
          put(member.value);
        } else if constexpr (std::is_same_v<Member, bool> || std::is_enum_v<Member>) {
          file.metadata[name] = to_text(static_cast<int>(member));
        } else if constexpr (NumberMember<Member>) {
          file.metadata[name] = to_text(member);
        } else if constexpr (ListMember<Member>) {
          std::string list;
          for (const double number : member) list += (list.empty() ? "" : ",") + to_text(number);
          file.metadata[name] = list;
        }
      },
      prefix);
}

/// Takes a part out of a file: once to check (`write` false), which throws `Error` where anything is not as it should
/// be, and once to change the part. Returns how many tensors belong to it.
template <class Scalar, class Part>
std::size_t restore_members(const std::string& path, const TensorFile<Scalar>& file, Part& part, bool write,
                            const std::string& prefix = {}) {
  std::size_t count = 0;
  walk(
      part,
      [&]<class Member>(const std::string& name, Member& member, const auto&... more) {
        const auto take = [&](auto& values) {
          ++count;
          const Tensor<Scalar>& tensor = find_tensor(path, file, name, stored_shape(values, more...));
          if (write) from_tensor(tensor, values);
        };
        if constexpr (ParameterMember<Member>) {
          take(member.value());
        } else if constexpr (BufferMember<Member>) {
          take(member.value);
        } else if constexpr (NumberMember<Member>) {
          const auto number = stored_number<Member>(path, file.metadata, name, member, more...);
          if constexpr (!std::is_const_v<Member>) {
            if (write) member = number;
          }
        } else if constexpr (ListMember<Member>) {
          auto list = stored_list(path, file.metadata, name);
          if (write) member = std::move(list);
        }
      },
      prefix);
  return count;
}

}  // namespace detail

/// What a file of `save_network` holds: weights, biases, log α and buffers as tensors named by their place in the
/// network, and its numbers in the metadata: temperature, stream, draw number, γ, ζ and the frozen flag of gates, for
/// instance.
template <Visitable Network>
TensorFile<typename Network::Scalar> to_tensors(const Network& network) {
  TensorFile<typename Network::Scalar> file;
  detail::store_members(file, network);
  if constexpr (requires { network.as_network(); }) {
    detail::StoredLayers<typename Network::Scalar>::write(file.metadata, network.as_network(), {});
  } else if constexpr (std::is_same_v<Network, l0::Network<typename Network::Scalar>>) {
    detail::StoredLayers<typename Network::Scalar>::write(file.metadata, network, {});
  }
  file.metadata["format"] = "pt";  // as PyTorch's users expect it
  return file;
}

/// Puts tensors into a network. Throws `Error` unless the file has all of its arrays in their shapes and no others
/// (tensors of whole numbers are passed over), and numbers that the network can have; then nothing is changed. `more`
/// more tensors may be there, for what else a file holds.
template <Visitable Network>
void from_tensors(const std::string& path, const TensorFile<typename Network::Scalar>& file, Network& network,
                  std::size_t more = 0) {
  std::size_t own = 0;
  walk(network, [&](const std::string&, const auto& member, const auto&...) {
    own += ParameterMember<decltype(member)> || BufferMember<decltype(member)> ? 1 : 0;
  });
  if (file.tensors.size() != own + more) {
    detail::fail_file(path, "with " + detail::to_text(file.tensors.size()) + " tensors",
                      detail::to_text(own + more) + ": it belongs to another network");
  }
  detail::restore_members(path, file, network, false);
  detail::restore_members(path, file, network, true);
}

/// Stores what a network consists of, a compacted one as well, for `load_network` or for Python:
/// safetensors.torch.load_file(path) gives "0.weight", "0.bias", "0.log_alpha", ... in PyTorch's shapes. Throws `Error`
/// where the file cannot be written.
template <Visitable Network>
void save_network(const std::string& path, const Network& network, StoredPrecision precision = StoredPrecision::full) {
  write_safetensors(path, to_tensors(network), precision);
}

/// Reads them into a network of the same layers, of the same scalar type or one that holds the file's numbers exactly.
/// Throws `Error` for anything else, and then the network is as before.
template <class Network>
void load_network(const std::string& path, Network& network) {
  from_tensors(path, read_safetensors<typename Network::Scalar>(path), network);
}

/// Reads a network that `save_network` stored, without one that was built before: its layers must be of this library,
/// not the user's own.
///
///     l0::Network<float> net = l0::load_network<float>("net.safetensors");
///
/// Throws `Error` for layers that are not known, and for a damaged file.
template <std::floating_point Scalar>
Network<Scalar> load_network(const std::string& path) {
  const auto file = read_safetensors<Scalar>(path);
  auto network = detail::StoredLayers<Scalar>::read_network(path, file, {});
  from_tensors(path, file, network);
  return network;
}

/// Stores a training run: the network, the state of its optimizer, the epoch, and with `patience` the best network.
/// After `fit` the network is stored as the run would go on from it, also where `fit` has put the best one in its
/// place. `more` are objects with `visit` that change while it trains, such as a `Budget`.
template <class Network, class Trainer, Visitable... More>
void save_checkpoint(const std::string& path, const Network& network, const Trainer& trainer, const More&... more) {
  auto file = to_tensors(trainer.current().value_or(network));
  detail::store_members(file, trainer, "trainer");
  std::size_t number = 0;
  (detail::store_members(file, more, "more." + detail::to_text(number++)), ...);
  if (trainer.best().network) {
    detail::store_members(file, *trainer.best().network, "best");
    file.metadata["best.loss"] = detail::to_text(trainer.best().loss);
    file.metadata["best.epochs_since"] = detail::to_text(trainer.best().epochs_since);
  }
  write_safetensors(path, file);
}

/// Puts a network and its trainer, and `more` as they were given, back where `save_checkpoint` was called: training
/// goes on to the same bits. Throws `Error` for another architecture or a damaged file, and then all are as before.
template <class Network, class Trainer, Visitable... More>
void load_checkpoint(const std::string& path, Network& network, Trainer& trainer, More&... more) {
  const auto file = read_safetensors<typename Network::Scalar>(path);
  typename Trainer::Best best;
  std::size_t others = 0;
  const auto rest = [&](bool write) {
    std::size_t number = 0;
    std::size_t count = detail::restore_members(path, file, trainer, write, "trainer");
    ((count += detail::restore_members(path, file, more, write, "more." + detail::to_text(number++))), ...);
    return count;
  };
  others = rest(false);
  if (file.metadata.count("best.loss") > 0) {
    best.loss = detail::metadata_number<double>(path, file.metadata, "best.loss");
    best.epochs_since = detail::metadata_number<Index>(path, file.metadata, "best.epochs_since");
    if (best.epochs_since < 0) detail::fail_file(path, "with a negative number of epochs", "one >= 0");
    best.network.emplace(network);
    others += detail::restore_members(path, file, *best.network, false, "best");
    detail::restore_members(path, file, *best.network, true, "best");
  }
  from_tensors(path, file, network, others);
  rest(true);
  trainer.set_best(std::move(best));
}

}  // namespace l0
