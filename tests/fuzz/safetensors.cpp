// SPDX-License-Identifier: MIT
// Tensors, and what comes back when they are written and read again.
#include <l0/io/safetensors.hpp>

#include "fuzz/target.hpp"

namespace {

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const l0::fuzz::ScratchFile file;
  static const std::string again = (std::filesystem::temp_directory_path() / "l0_fuzz_safetensors").string() +
                                   std::to_string(reinterpret_cast<std::uintptr_t>(&file));
  file.write(l0::fuzz::Input(data, size).rest());
  l0::TensorFile<float> tensors;
  if (!l0::fuzz::accepted([&] { tensors = l0::read_safetensors<float>(file.path()); })) return 0;
  if (size % 16 != 0) return 0;  // files are slow to write
  l0::write_safetensors(again, tensors);
  const auto back = l0::read_safetensors<float>(again);
  std::filesystem::remove(again);
  l0::fuzz::require(back.metadata == tensors.metadata, "metadata come back");
  l0::fuzz::require(back.tensors.size() == tensors.tensors.size(), "all tensors come back");
  for (const auto& [name, tensor] : tensors.tensors) {
    const auto& other = back.tensors.at(name);
    l0::fuzz::require(other.shape == tensor.shape, "shapes come back");
    l0::fuzz::require(
        std::equal(other.values.begin(), other.values.end(), tensor.values.begin(), tensor.values.end(), same_bits),
        "values come back");
  }
  return 0;
}
