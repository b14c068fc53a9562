// SPDX-License-Identifier: MIT
#pragma once

#include <l0/callbacks/progress.hpp>
