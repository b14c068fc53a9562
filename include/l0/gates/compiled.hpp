// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/compiled.hpp>
#include <l0/core/simd.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/gates/kernels.hpp>
#include <l0/random/noise.hpp>

/// \file
/// The kernels of gates that the library `l0::compiled` has (see core/compiled.hpp): those of a distribution's
/// formulas, with the noise of an Rng or with given noise.

namespace l0::detail {

#define L0_COMPILED_GATES(Formulas, Scalar)                                                                         \
  L0_COMPILED(void dispatch<SampleGates>(Formulas<Scalar>, ThreefryUniforms, const Scalar*, Scalar*, Index));       \
  L0_COMPILED(void dispatch<SampleGates>(Formulas<Scalar>, StoredUniforms<Scalar>, const Scalar*, Scalar*, Index)); \
  L0_COMPILED(void dispatch<BackpropagateGates>(Formulas<Scalar>, const Scalar*, const Scalar*, const Scalar*,      \
                                                Scalar*, Index));                                                   \
  L0_COMPILED(void dispatch<BackpropagateProducts>(Formulas<Scalar>, const Scalar*, const Scalar*, const Scalar*,   \
                                                   const Scalar*, Scalar*, Scalar*, Index));                        \
  L0_COMPILED(double dispatch<PriceGates>(Formulas<Scalar>, const Scalar*, Scalar, Scalar*, Index));                \
  L0_COMPILED(void dispatch<ActiveProbabilities>(Formulas<Scalar>, const Scalar*, Scalar*, Index));                 \
  L0_COMPILED(void dispatch<DeterministicGates>(Formulas<Scalar>, const Scalar*, Scalar*, Index))

L0_COMPILED_GATES(HardConcreteFormulas, float);
L0_COMPILED_GATES(HardConcreteFormulas, double);

}  // namespace l0::detail
