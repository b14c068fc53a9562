// SPDX-License-Identifier: MIT
// Sparse matrices, and what comes back when they are written and read again.
#include <l0/io/matrix_market.hpp>

#include <cmath>

#include "fuzz/target.hpp"

namespace {

using l0::fuzz::require;
using Matrix = Eigen::SparseMatrix<double, Eigen::ColMajor, int>;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = l0::fuzz::Input(data, size).rest();
  Matrix matrix;
  if (!l0::fuzz::accepted([&] { matrix = l0::parse_matrix_market<double>(text); })) return 0;
  bool finite = true;
  for (l0::Index j = 0; j < matrix.outerSize(); ++j) {
    int last = -1;
    for (Matrix::InnerIterator entry(matrix, j); entry; ++entry) {
      require(entry.row() > last && entry.row() < matrix.rows(), "rows are in order, and inside");
      last = static_cast<int>(entry.row());
      finite = finite && std::isfinite(entry.value());  // sums of entries given twice may overflow
    }
  }
  if (!finite || size % 64 != 0) return 0;  // files are slow
  static const std::string path = (std::filesystem::temp_directory_path() / "l0_fuzz_").string() +
                                  std::to_string(reinterpret_cast<std::uintptr_t>(&path));
  l0::write_matrix_market(path, matrix);
  const Matrix back = l0::read_matrix_market<double>(path);
  std::filesystem::remove(path);
  require(back.rows() == matrix.rows() && back.cols() == matrix.cols() && back.nonZeros() == matrix.nonZeros(),
          "sizes come back");
  for (l0::Index k = 0; k < matrix.nonZeros(); ++k) {
    require(back.valuePtr()[k] == matrix.valuePtr()[k] && back.innerIndexPtr()[k] == matrix.innerIndexPtr()[k],
            "entries come back");
  }
  return 0;
}
