// SPDX-License-Identifier: MIT
// Arguments given as matrices, arrays and expressions of both.
#include <type_traits>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>

#include "support/catch.hpp"

namespace tests::core::arguments {

using l0::detail::as_matrix;
using l0::detail::as_matrix_of;

TEST_CASE("Matrices, dense and sparse, are passed on as they are", "[core]") {
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Random(3, 2);
  const Eigen::SparseMatrix<float> sparse(3, 2);
  const auto block = matrix.topRows(2);
  CHECK(&as_matrix(matrix) == &matrix);
  CHECK(&as_matrix_of<double>(matrix) == &matrix);
  CHECK(&as_matrix_of<float>(sparse) == &sparse);
  CHECK(&as_matrix(block) == &block);
}

TEST_CASE("Arrays are seen as matrices where they lie", "[core]") {
  const Eigen::ArrayXXd array = Eigen::ArrayXXd::Random(3, 2);
  const auto& seen = as_matrix_of<double>(array);
  static_assert(std::is_base_of_v<Eigen::MatrixBase<std::decay_t<decltype(seen)>>, std::decay_t<decltype(seen)>>);
  CHECK(seen.data() == array.data());
  CHECK(as_matrix(array.rightCols(1))(2, 0) == array(2, 1));
  CHECK(as_matrix(array.square() + 1) == Eigen::MatrixXd((array.square() + 1).matrix()));
  CHECK(as_matrix(array.transpose()) * array.matrix() == array.matrix().transpose() * array.matrix());
}

}  // namespace tests::core::arguments
