// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The version of the library. CMake and pkg-config read the three numbers here; they are written nowhere else.

/// Grows when programs must be changed.
#define L0_VERSION_MAJOR 0
/// Grows with new features; before 1.0 also with changes.
#define L0_VERSION_MINOR 1
/// Grows with repairs.
#define L0_VERSION_PATCH 0

/// One number to compare in `#if`: version 1.2.3 is 10203.
#define L0_VERSION (L0_VERSION_MAJOR * 10000 + L0_VERSION_MINOR * 100 + L0_VERSION_PATCH)

#define L0_DETAIL_QUOTE_EXPANDED(text) #text
#define L0_DETAIL_QUOTE(text) L0_DETAIL_QUOTE_EXPANDED(text)

namespace l0 {

/// "major.minor.patch".
inline constexpr char version[] =
    L0_DETAIL_QUOTE(L0_VERSION_MAJOR) "." L0_DETAIL_QUOTE(L0_VERSION_MINOR) "." L0_DETAIL_QUOTE(L0_VERSION_PATCH);

}  // namespace l0

#undef L0_DETAIL_QUOTE
#undef L0_DETAIL_QUOTE_EXPANDED
