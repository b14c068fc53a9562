// SPDX-License-Identifier: MIT
#include <l0/gates/gate.hpp>
#include <l0/regression/search/compiled.hpp>
#undef L0_EXTERN
#define L0_EXTERN  // what the next header names is compiled here

#include <l0/regression/compiled.hpp>
