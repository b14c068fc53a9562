// SPDX-License-Identifier: MIT
#include <l0/regression/compiled.hpp>
#undef L0_EXTERN
#define L0_EXTERN  // what the next headers name is compiled here

#include <l0/regression/cox_regression.hpp>
#include <l0/regression/gamma_regression.hpp>
#include <l0/regression/huber_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/negative_binomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/quantile_regression.hpp>
#include <l0/regression/quasi_poisson_regression.hpp>
