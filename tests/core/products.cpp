// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <l0/core/product.hpp>
#include "support/catch.hpp"

namespace tests::core::products {

namespace {

using l0::Index;
using l0::Matrix;

template <class Scalar>
using RowMajor = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Numbers without structure, the same in every run.
template <class Scalar>
Matrix<Scalar> numbers(Index rows, Index columns, double phase) {
  Matrix<Scalar> result(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) {
      result(i, j) = static_cast<Scalar>(std::sin(phase + 1.7 * double(i * columns + j)));
    }
  }
  return result;
}

/// Whether `actual` is lhs · rhs, as a sum in double gives it.
template <class Scalar>
bool is_product(const Matrix<Scalar>& actual, const Matrix<Scalar>& lhs, const Matrix<Scalar>& rhs) {
  if (actual.rows() != lhs.rows() || actual.cols() != rhs.cols()) return false;
  Eigen::MatrixXd expected = Eigen::MatrixXd::Zero(lhs.rows(), rhs.cols());
  for (Index k = 0; k < lhs.cols(); ++k) {
    expected += lhs.col(k).template cast<double>() * rhs.row(k).template cast<double>();
  }
  const double bound = 4 * double(std::numeric_limits<Scalar>::epsilon()) * double(lhs.cols() + 1);
  return actual.size() == 0 || (actual.template cast<double>() - expected).cwiseAbs().maxCoeff() <= bound;
}

}  // namespace

TEMPLATE_TEST_CASE("Products of every shape, with one workspace", "[core]", float, double) {
  l0::detail::ProductWorkspace<TestType> workspace;
  const l0::detail::ProductSizes largest{150, 90, 300};
  for (const Index rows : {1, 2, 17, 150}) {
    for (const Index depth : {0, 1, 5, 300}) {
      for (const Index columns : {1, 3, 90}) {
        CAPTURE(rows, depth, columns);
        const Matrix<TestType> lhs = numbers<TestType>(rows, depth, 0.3);
        const Matrix<TestType> rhs = numbers<TestType>(depth, columns, 0.9);
        Matrix<TestType> result = Matrix<TestType>::Constant(2, 2, 99);  // is resized and overwritten
        workspace.multiply(lhs, rhs, result, largest);
        CHECK(is_product(result, lhs, rhs));
      }
    }
  }
}

TEMPLATE_TEST_CASE("Products of both storage orders, blocks and transposes", "[core]", float, double) {
  l0::detail::ProductWorkspace<TestType> workspace;
  const l0::detail::ProductSizes sizes{20, 11, 30};
  const Matrix<TestType> large = numbers<TestType>(40, 50, 0.1);
  const Matrix<TestType> lhs = large.block(3, 4, 20, 30);
  const Matrix<TestType> rhs = numbers<TestType>(30, 11, 0.2);
  const RowMajor<TestType> lhs_by_rows = lhs;
  const RowMajor<TestType> rhs_by_rows = rhs;
  const Matrix<TestType> rhs_transposed = rhs.transpose();
  Matrix<TestType> result;

  workspace.multiply(large.block(3, 4, 20, 30), rhs, result, sizes);
  CHECK(is_product(result, lhs, rhs));
  workspace.multiply(lhs_by_rows, rhs, result, sizes);
  CHECK(is_product(result, lhs, rhs));
  workspace.multiply(lhs, rhs_by_rows, result, sizes);
  CHECK(is_product(result, lhs, rhs));
  workspace.multiply(lhs_by_rows, rhs_transposed.transpose(), result, sizes);
  CHECK(is_product(result, lhs, rhs));
}

TEST_CASE("Scratch keeps its storage when it shrinks, and copies start empty", "[core]") {
  l0::detail::Scratch<double> scratch;
  scratch.resize(10, 20).setConstant(3);
  const double* storage = scratch.get().data();
  CHECK(scratch.resize(4, 5).data() == storage);
  CHECK(scratch.get().rows() == 4);
  CHECK(scratch.get().cols() == 5);
  CHECK(scratch.resize(20, 10).data() == storage);
  const l0::detail::Scratch<double> copy(scratch);
  CHECK(copy.get().size() == 0);
}

}  // namespace tests::core::products
