// SPDX-License-Identifier: MIT
// Tensors, and what comes back when they are written and read again.
#include <l0/io/safetensors.hpp>

#include "fuzz/target.hpp"

namespace {

using l0::fuzz::require;

template <class Scalar>
void use(std::string_view bytes, bool write) {
  l0::TensorFile<Scalar> file;
  if (!l0::fuzz::accepted([&] { file = l0::parse_safetensors<Scalar>(bytes); })) return;
  for (const auto& [name, tensor] : file.tensors) {
    require(sizeof(Scalar) * tensor.values.size() <= 4 * bytes.size(), "no more numbers than there are bytes for");
  }
  if (!write) return;
  static const std::string path = (std::filesystem::temp_directory_path() / "l0_fuzz_").string() +
                                  std::to_string(reinterpret_cast<std::uintptr_t>(&path));
  l0::write_safetensors(path, file);
  const auto back = l0::read_safetensors<Scalar>(path);
  std::filesystem::remove(path);
  require(back.metadata == file.metadata, "metadata come back");
  require(back.tensors.size() == file.tensors.size(), "all tensors come back");
  for (const auto& [name, tensor] : file.tensors) {
    const auto& other = back.tensors.at(name);
    require(other.shape == tensor.shape && other.values.size() == tensor.values.size(), "shapes come back");
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      const Scalar a = tensor.values[i];
      const Scalar b = other.values[i];
      require(a == b || (a != a && b != b), "values come back");
    }
  }
  require(back.integers.size() == file.integers.size(), "all whole numbers come back");
  for (const auto& [name, tensor] : file.integers) {
    const auto& other = back.integers.at(name);
    require(other.shape == tensor.shape && other.values == tensor.values && other.type == tensor.type,
            "whole numbers come back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = l0::fuzz::Input(data, size).rest();
  const bool write = size % 64 == 0;  // files are slow
  use<float>(bytes, write);
  use<double>(bytes, false);
  return 0;
}
