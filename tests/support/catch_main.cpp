// SPDX-License-Identifier: MIT
// The main program of the tests under Catch2 version 2, where it has to be compiled; version 3 brings a library.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
