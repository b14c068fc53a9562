// SPDX-License-Identifier: MIT
#include <l0/gates/gate.hpp>
#include <l0/layers/activations.hpp>
#undef L0_EXTERN
#define L0_EXTERN  // what the next headers name is compiled here

#include <l0/core/product.hpp>
#include <l0/layers/linear.hpp>
#include <l0/networks/network.hpp>
