// SPDX-License-Identifier: MIT
// The fits that several files of this folder use, compiled once in instances.cpp.
#pragma once

#include <vector>

#include <l0/models/linear_regression.hpp>
#include <l0/models/logistic_regression.hpp>
#include <l0/models/multinomial_regression.hpp>
#include <l0/models/poisson_regression.hpp>

#define L0_TEST_FIT(prefix, Family, Design, Scalar, Columns)                                            \
  prefix template SparseFit<Scalar, Family::responses> fit_sparse(                                      \
      const Family&, const Design<Scalar>&, const Eigen::Matrix<Scalar, Eigen::Dynamic, Columns>&,      \
      const Vector<Scalar>&, const RegressionOptions&, const std::vector<Index>&);                      \
  prefix template SelectionResult Family::select(const Design<Scalar>&,                                 \
                                                 const Eigen::Matrix<Scalar, Eigen::Dynamic, Columns>&, \
                                                 const Vector<Scalar>&, const SelectionOptions&) const;

#define L0_TEST_FITS(prefix)                                                    \
  L0_TEST_FIT(prefix, SquaredFamily<1>, DenseDesign, double, 1)                 \
  L0_TEST_FIT(prefix, SquaredFamily<1>, SparseDesign, double, 1)                \
  L0_TEST_FIT(prefix, SquaredFamily<-1>, DenseDesign, double, -1)               \
  L0_TEST_FIT(prefix, SquaredFamily<-1>, SparseDesign, double, -1)              \
  L0_TEST_FIT(prefix, LikelihoodFamily<LogisticFamily>, DenseDesign, double, 1) \
  L0_TEST_FIT(prefix, LikelihoodFamily<PoissonFamily>, DenseDesign, double, 1)

namespace l0::detail {

extern template SparseFit<double, 1> fit_moments<double, 1>(const Moments&, const RegressionOptions&, bool,
                                                            const std::vector<Index>&);
L0_TEST_FITS(extern)

}  // namespace l0::detail
