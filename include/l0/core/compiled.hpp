// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/types.hpp>

/// \file
/// What need not be compiled again in every program. The CMake target `l0::compiled` is a library of the fits of the
/// estimators, for float and double, dense and sparse X. A program that links it calls these; one that links `l0::l0`
/// compiles what it uses, as with any header-only library. The results are the same.
///
///     L0_COMPILED(double f(const Matrix<double>&));   // after a template f: the library has it for these types
///
/// A declaration there is a promise that a file of the folder `cmake/compiled` keeps: it includes the header with
/// L0_EXTERN empty, and so compiles what the header names.
#ifdef L0_COMPILED_LIBRARY
#ifndef L0_EXTERN
#define L0_EXTERN extern
#endif
#define L0_COMPILED(...) L0_EXTERN template __VA_ARGS__

namespace l0::detail {

/// Defined in the library for the alignment that Eigen had there. A program whose flags (-march and the like) ask for
/// another one would free memory in another way than the library allocates it: it does not link.
template <int Alignment>
int compiled_for_alignment();

inline const int linked_for_alignment = compiled_for_alignment<EIGEN_MAX_ALIGN_BYTES>();

}  // namespace l0::detail
#else
#define L0_COMPILED(...)
#endif
