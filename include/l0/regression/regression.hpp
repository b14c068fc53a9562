// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// regression/: few features of many, for any likelihood. All its estimators, and how data walk through the room:
///
///     X, y, weights ─ data/samples, read: checks; weights sum to what they are worth
///          │          data/design: X by columns, dense or sparse, referenced where it lies
///          │          data/standardized: the columns by mean and length, without touching X; scale 0 says "constant"
///          │          data/gram: rows of X̃ᵀDX̃ when asked for; data/moments: sums of products in place of samples
///          │          data/groups: units, the columns that are in or out together
///          ▼
///     likelihood/     likelihood: deviance, residual and curvature at η, for one row of y at a time by a family, or
///          │          multinomial, or cox. A family is one file. newton fits given columns; support_fit brings them
///          │          from the design and back to the scale of X
///          ▼
///     search/         swept: a least-squares problem on a support, all neighbours in view; active_set: what every
///          │          add, drop and swap would do, as closed formulas on it
///          │          support_search: a path of sizes, descent, the gates' proposals, ejection chains, by an oracle:
///          │          least_squares_oracle says the loss itself, likelihood_oracle expands it around the last fit,
///          │          proposes and fits what it is asked to; fitted_supports keeps the best of every size
///          │          screening: with many columns, on the likeliest first, then a look at all others; select: data
///          in, │          supports out ▼
///     fit             one frame: select, choose the size (price, budget, criterion, folds), refit, describe; what a
///                     likelihood estimates beside its coefficients is settled with the support.
///                     model_average: the other end, for prediction, without a support to choose;
///                     cross_validation, importance, stream and regularization_path are this frame with other data
///                     or ends; least_squares and generalized_linear_model are what it asks of a family

#include <l0/regression/cox_regression.hpp>
#include <l0/regression/gamma_regression.hpp>
#include <l0/regression/huber_regression.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/negative_binomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/quantile_regression.hpp>
#include <l0/regression/quasi_poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>
