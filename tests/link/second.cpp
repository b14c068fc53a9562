// SPDX-License-Identifier: MIT
#include "shared.hpp"

std::vector<double> second();

std::vector<double> second() { return use_everything(); }
