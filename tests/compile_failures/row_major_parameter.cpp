// SPDX-License-Identifier: MIT
// Where rows are Eigen's default, a parameter still lies column by column.
#define EIGEN_DEFAULT_TO_ROW_MAJOR
#include <l0/core/parameter.hpp>

#ifdef L0_MUST_NOT_COMPILE
using Values = Eigen::MatrixXd;
#else
using Values = l0::Matrix<double>;
#endif

l0::Parameter<Values> weight(l0::ParameterKind::weight, "weight", 2, 3);
