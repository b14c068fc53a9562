// SPDX-License-Identifier: MIT
// The fits that several files of this folder use, compiled once in instances.cpp.
#pragma once

#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>

#define L0_TEST_FIT(prefix, Family, Design, Columns)                                               \
  prefix template SparseFit<double, Family::responses> fit_sparse(                                 \
      const Family&, const Design<double>&, const Eigen::Matrix<double, Eigen::Dynamic, Columns>&, \
      const Vector<double>&, const RegressionOptions&, const std::vector<Index>&, FitRun&);

#define L0_TEST_SEARCHES(prefix, Design)                                                             \
  prefix template SelectionResult select_least_squares(const Design<double>&, const Matrix<double>&, \
                                                       const Vector<double>&, const SelectionOptions&);

#define L0_TEST_LIKELIHOOD(prefix, Family)                                                                   \
  L0_TEST_FIT(prefix, LikelihoodFamily<Family>, DenseDesign, 1)                                              \
  prefix template SelectionResult select_glm(const DenseDesign<double>&, const PointwiseLikelihood<Family>&, \
                                             SelectionOptions);

#define L0_TEST_FITS(prefix)                                                                                          \
  L0_TEST_SEARCHES(prefix, DenseDesign)                                                                               \
  L0_TEST_SEARCHES(prefix, SparseDesign)                                                                              \
  L0_TEST_FIT(prefix, SquaredFamily<1>, DenseDesign, 1)                                                               \
  L0_TEST_FIT(prefix, SquaredFamily<1>, SparseDesign, 1)                                                              \
  L0_TEST_FIT(prefix, SquaredFamily<-1>, DenseDesign, -1)                                                             \
  L0_TEST_FIT(prefix, SquaredFamily<-1>, SparseDesign, -1)                                                            \
  L0_TEST_LIKELIHOOD(prefix, LogisticFamily)                                                                          \
  L0_TEST_LIKELIHOOD(prefix, PoissonFamily)                                                                           \
  prefix template SparseFit<double, 1> fit_moments<double, 1>(const Moments<double>&, const RegressionOptions&, bool, \
                                                              const std::vector<Index>&, FitRun&);

namespace l0::detail {

L0_TEST_FITS(extern)

}  // namespace l0::detail
