// SPDX-License-Identifier: MIT
// Stored networks and checkpoints: any bytes, and good files with bytes that were changed.
#include <l0/io/network.hpp>
#include <l0/losses/losses.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/training/trainer.hpp>

#include <fstream>
#include <iterator>

#include "fuzz/target.hpp"

namespace {

auto make_network() {
  l0::Rng rng(1);
  return l0::Sequential{l0::L0Conv2d<float>({1, 3, 3}, 2, 2, rng), l0::Relu{}, l0::L0Linear<float>(8, 2, rng)};
}
using Network = decltype(make_network());
using Trainer = l0::Trainer<Network>;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file as `store(path)` writes it.
template <class Store>
std::string stored(Store&& store) {
  const std::string path = (std::filesystem::temp_directory_path() / "l0_fuzz_network").string() +
                           std::to_string(reinterpret_cast<std::uintptr_t>(&store));
  store(path);
  const std::string bytes = read(path);
  std::filesystem::remove(path);
  return bytes;
}

std::string values(Network& network) {
  std::string all;
  for (const auto& parameter : network.parameters()) {
    all.append(reinterpret_cast<const char*>(parameter.values().data()),
               sizeof(float) * static_cast<std::size_t>(parameter.size()));
  }
  l0::for_each_gated(network, [&](auto& layer) {
    all += std::to_string(layer.gate().temperature()) + ' ' + std::to_string(layer.gate().draw());
  });
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const l0::fuzz::ScratchFile file;
  static const std::string good_network = stored([](const std::string& path) {
    auto network = make_network();
    l0::save_network(path, network);
  });
  static const std::string good_checkpoint = stored([](const std::string& path) {
    auto network = make_network();
    Trainer trainer(network, {.epochs = 2, .batch_size = 2});
    trainer.fit(l0::Matrix<float>(l0::Matrix<float>::Ones(4, 9)), Eigen::VectorXi(Eigen::VectorXi::Ones(4)),
                l0::L0Penalty<float>{.lambda = 0.01F});
    l0::save_checkpoint(path, network, trainer);
  });
  l0::fuzz::Input input(data, size);
  const auto kind = input.take<std::uint8_t>() % 4;
  std::string bytes(input.rest());
  if (kind % 2 == 1) bytes = l0::fuzz::edited(kind == 1 ? good_network : good_checkpoint, input);

  static const Network fresh = make_network();
  static Network network = fresh;
  network = fresh;
  const std::string before = values(network);
  bool taken = false;
  if (kind < 2) {
    // What load_network does, without a file.
    taken = l0::fuzz::accepted([&] { l0::from_tensors("in memory", l0::parse_safetensors<float>(bytes), network); });
  } else {
    file.write(bytes);
    Trainer trainer(network, {.epochs = 0});
    taken = l0::fuzz::accepted([&] { l0::load_checkpoint(file.path(), network, trainer); });
    l0::fuzz::require(trainer.epoch() >= 0 && (taken || trainer.epoch() == 0), "a trainer that refuses is as it was");
  }
  l0::fuzz::require(taken || values(network) == before, "a network that refuses is as it was");
  l0::fuzz::require(taken || (bytes != good_network || kind != 1), "a good network is taken");
  l0::fuzz::require(taken || (bytes != good_checkpoint || kind != 3), "a good checkpoint is taken");
  if (taken) {
    l0::for_each_gated(network, [](auto& layer) {
      l0::fuzz::require(layer.gate().temperature() > 0 && std::isfinite(layer.gate().temperature()),
                        "temperatures that are taken are > 0");
    });
    static const l0::Matrix<float> x = l0::Matrix<float>::Ones(2, 9);
    l0::fuzz::accepted([&] { network.predict(x); });  // large weights may give what the next layer refuses
  }
  return 0;
}
