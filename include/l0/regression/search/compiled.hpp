// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <l0/core/compiled.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/screening.hpp>
#include <l0/regression/search/select.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// What the library `l0::compiled` has of the searches (see core/compiled.hpp): one of each, whatever X and y are.
/// Without it this file says nothing to a compiler.

namespace l0::detail {

L0_COMPILED(SelectionResult search_least_squares(const LeastSquaresProblem<double>&, SelectionOptions, Index,
                                                 const std::vector<Index>&));
L0_COMPILED(std::vector<Index> improving_columns(const LeastSquaresProblem<double>&, double, const SupportScore&,
                                                 Judge*, const std::vector<Index>&, const std::vector<char>&,
                                                 std::size_t));
L0_COMPILED(SelectionResult select_least_squares(const Design<double>&, const Matrix<double>&, const Vector<double>&,
                                                 SelectionOptions));
L0_COMPILED(SelectionResult select_glm(const Design<double>&, const Likelihood<double>&, SelectionOptions));

}  // namespace l0::detail
