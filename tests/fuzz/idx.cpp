// SPDX-License-Identifier: MIT
#include <l0/io/idx.hpp>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = l0::fuzz::Input(data, size).rest();
  l0::fuzz::accepted([&] {
    const auto array = l0::IdxArray::parse(bytes);
    const auto x = array.matrix<float>();
    l0::fuzz::require(x.rows() * x.cols() <= static_cast<l0::Index>(size), "no more numbers than the file has bytes");
    array.labels(10);
  });
  return 0;
}
