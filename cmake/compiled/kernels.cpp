// SPDX-License-Identifier: MIT
#define L0_EXTERN  // what the next headers name is compiled here

#include <l0/gates/gaussian.hpp>
#include <l0/layers/activations.hpp>
#include <l0/optimizers/adam.hpp>
