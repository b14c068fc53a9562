// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/core/compiled.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/covariance.hpp>
#include <l0/regression/cross_validation.hpp>
#include <l0/regression/data/dense_design.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/moments.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/data/sparse_design.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/least_squares.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/read.hpp>
#include <l0/regression/regularization_path.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/compiled.hpp>
#include <l0/regression/stream.hpp>

/// \file
/// What the library `l0::compiled` has of this room (see core/compiled.hpp). Without it this file says nothing to a
/// compiler. Here is what all families share; the header of an estimator ends with a line for its own.

namespace l0::detail {

L0_COMPILED(class DenseDesign<float, double>);
L0_COMPILED(class DenseDesign<double, double>);
L0_COMPILED(class SparseDesign<float, double>);
L0_COMPILED(class SparseDesign<double, double>);
L0_COMPILED(class SquaredResponse<double>);
L0_COMPILED(class LikelihoodResponse<double>);
L0_COMPILED(class Moments<double>);
L0_COMPILED(class SupportCovariance<double>);
L0_COMPILED(StandardErrors<double> errors_of_moments(const Moments<double>&, const std::vector<Index>&, bool, double,
                                                     const RowVector<double>&, double, double));

L0_COMPILED(RegressionData<double> regression_data(std::unique_ptr<Design<double>>, Matrix<double>,
                                                   const Samples<float>&));
L0_COMPILED(RegressionData<double> regression_data(std::unique_ptr<Design<double>>, Matrix<double>,
                                                   const Samples<double>&));
L0_COMPILED(void standardize(RegressionData<double>&, const RegressionOptions&));
L0_COMPILED(void weigh_classes(RegressionData<double>&, const RegressionOptions&));
L0_COMPILED(std::unique_ptr<Response<double>> squared_response(const RegressionData<double>&, bool));
L0_COMPILED(PathPoint<float, 1> on_users_scale<float, 1>(const FitPoint<double>&, const Design<double>&, double));
L0_COMPILED(PathPoint<double, 1> on_users_scale<double, 1>(const FitPoint<double>&, const Design<double>&, double));
L0_COMPILED(PathPoint<float, Eigen::Dynamic> on_users_scale<float, Eigen::Dynamic>(const FitPoint<double>&,
                                                                                   const Design<double>&, double));
L0_COMPILED(PathPoint<double, Eigen::Dynamic> on_users_scale<double, Eigen::Dynamic>(const FitPoint<double>&,
                                                                                     const Design<double>&, double));
L0_COMPILED(SparseFit<double> fit_sparse(const Response<double>&, const Design<double>&, const RegressionOptions&,
                                         const Folds&, const std::vector<Index>&, FitRun&));
L0_COMPILED(SparseFit<double> fit_data(const RegressionData<double>&, const Response<double>&, const RegressionOptions&,
                                       const std::vector<Index>&, FitRun&));
L0_COMPILED(SparseFit<double> fit_moments<double>(const Moments<double>&, const RegressionOptions&, bool, double,
                                                  double, const std::vector<Index>&, FitRun&));
L0_COMPILED(std::vector<FitPoint<double>> fit_path(const Response<double>&, const Design<double>&,
                                                   const RegressionOptions&, const Folds&, FitRun&, Index&));

}  // namespace l0::detail
