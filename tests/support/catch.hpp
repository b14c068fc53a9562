// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Catch2, version 3 or 2: the build says which. Tests keep to what both have: Catch::Approx, ContainsSubstring,
/// WithinAbs, WithinRel, GENERATE, TEMPLATE_TEST_CASE, CHECK_THROWS_MATCHES and the like.

#if L0_TEST_CATCH2_VERSION >= 3
#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

using Catch::Approx;  // as version 2 has it
#else
#include <string>

#include <catch2/catch.hpp>

namespace Catch {

using Detail::Approx;

namespace Matchers {

inline auto ContainsSubstring(const std::string& text) { return Contains(text); }

}  // namespace Matchers
}  // namespace Catch
#endif
