// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/compiled.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/importance.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_search.hpp>
#include <l0/regression/search/likelihood_search.hpp>
#include <l0/regression/search/screening.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/stream.hpp>

/// \file
/// What the library `l0::compiled` has of this room (see core/compiled.hpp). Without it this file says nothing to a
/// compiler. Here is what all families share; the header of an estimator ends with a line for its own.

namespace l0::detail {

/// The searches for supports, their importance, and fits to streams.
#define L0_COMPILED_SEARCHES(Scalar)                                                                                   \
  L0_COMPILED(SelectionResult search_least_squares(const LeastSquaresProblem<Scalar>&, const SelectionOptions&, Index, \
                                                   const std::vector<Index>&));                                        \
  L0_COMPILED(std::vector<Index> improving_columns(const LeastSquaresProblem<Scalar>&, double, const SupportScore&,    \
                                                   Judge*, const std::vector<Index>&, const std::vector<char>&,        \
                                                   std::size_t));                                                      \
  L0_COMPILED(Vector<Scalar> importance_of<Scalar>(const LeastSquaresProblem<Scalar>&, double,                         \
                                                   const SelectionOptions&, const SupportScore&,                       \
                                                   const std::vector<Index>&, Judge*));                                \
  L0_COMPILED(SparseFit<Scalar, 1> fit_moments<Scalar, 1>(const Moments<double>&, const RegressionOptions&, bool,      \
                                                          const std::vector<Index>&, FitRun&));                        \
  L0_COMPILED(SparseFit<Scalar, Eigen::Dynamic> fit_moments<Scalar, Eigen::Dynamic>(                                   \
      const Moments<double>&, const RegressionOptions&, bool, const std::vector<Index>&, FitRun&))

L0_COMPILED_SEARCHES(float);
L0_COMPILED_SEARCHES(double);

/// The fits of a family to a design, and what a path needs beside.
#define L0_COMPILED_FIT(Family, Design, Scalar)                                                                     \
  L0_COMPILED(SparseFit<Scalar, Family::responses> fit_sparse(                                                      \
      const Family&, const Design<Scalar>&,                                                                         \
      const Eigen::Matrix<Scalar, Eigen::Dynamic, Family::target_columns, Eigen::ColMajor>&, const Vector<Scalar>&, \
      const RegressionOptions&, const std::vector<Index>&, FitRun&));                                               \
  L0_COMPILED(std::vector<PathPoint<Scalar, Family::responses>> refit_path(                                         \
      const Family&, const Design<Scalar>&,                                                                         \
      const Eigen::Matrix<Scalar, Eigen::Dynamic, Family::target_columns, Eigen::ColMajor>&, const Vector<Scalar>&, \
      const SelectionResult&, const SelectionOptions&));                                                            \
  L0_COMPILED(std::vector<double> cross_validate(                                                                   \
      const Family&, const Design<Scalar>&,                                                                         \
      const Eigen::Matrix<Scalar, Eigen::Dynamic, Family::target_columns, Eigen::ColMajor>&, const Vector<Scalar>&, \
      SelectionOptions, Index, std::uint64_t, int, Index&, Index))

#define L0_COMPILED_FITS(Family)                \
  L0_COMPILED_FIT(Family, DenseDesign, float);  \
  L0_COMPILED_FIT(Family, DenseDesign, double); \
  L0_COMPILED_FIT(Family, SparseDesign, float); \
  L0_COMPILED_FIT(Family, SparseDesign, double)

/// The selections for squared loss and for a likelihood L.
#define L0_COMPILED_LEAST_SQUARES(Design, Scalar)                                                \
  L0_COMPILED(SelectionResult select_least_squares(const Design<Scalar>&, const Matrix<Scalar>&, \
                                                   const Vector<Scalar>&, const SelectionOptions&))

#define L0_COMPILED_SELECTIONS(L)                                                                  \
  L0_COMPILED(SelectionResult select_glm(const DenseDesign<float>&, const L&, SelectionOptions));  \
  L0_COMPILED(SelectionResult select_glm(const DenseDesign<double>&, const L&, SelectionOptions)); \
  L0_COMPILED(SelectionResult select_glm(const SparseDesign<float>&, const L&, SelectionOptions)); \
  L0_COMPILED(SelectionResult select_glm(const SparseDesign<double>&, const L&, SelectionOptions))

L0_COMPILED_LEAST_SQUARES(DenseDesign, float);
L0_COMPILED_LEAST_SQUARES(DenseDesign, double);
L0_COMPILED_LEAST_SQUARES(SparseDesign, float);
L0_COMPILED_LEAST_SQUARES(SparseDesign, double);

}  // namespace l0::detail
