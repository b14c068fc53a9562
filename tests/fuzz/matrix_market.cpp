// SPDX-License-Identifier: MIT
#include <l0/io/matrix_market.hpp>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = l0::fuzz::Input(data, size).rest();
  l0::fuzz::accepted([&] {
    const auto matrix = l0::parse_matrix_market<double>(text);
    for (l0::Index j = 0; j < matrix.outerSize(); ++j) {
      for (Eigen::SparseMatrix<double>::InnerIterator entry(matrix, j); entry; ++entry) {
        l0::fuzz::require(entry.row() < matrix.rows() && std::isfinite(entry.value()),
                          "entries are inside, and finite");
      }
    }
  });
  return 0;
}
