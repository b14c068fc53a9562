// SPDX-License-Identifier: MIT
#define L0_EXTERN  // what the next headers name is compiled here

#include <l0/core/product.hpp>
#include <l0/layers/linear.hpp>
#include <l0/networks/network.hpp>
#include <l0/pruning/compact.hpp>
