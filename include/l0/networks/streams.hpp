// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include <l0/core/visit.hpp>
#include <l0/gates/gated.hpp>
#include <l0/layers/plain_layers.hpp>
#include <l0/random/draws.hpp>

namespace l0::detail {

/// Calls use(part) for everything below a part that has `visit`.
template <class Part, class Use>
void for_each_part_below(Part& part, Use&& use) {
  visit_members(part, [&](std::string_view, auto& member, const auto&...) {
    if constexpr (Visitable<decltype(member)>) {
      use(member);
      for_each_part_below(member, use);
    }
  });
}

/// Sees to it that no two parts of a network draw the same noise: of those that share a stream, as copies of a layer
/// do, all but the first take the first free one from 2³² on.
template <class Model>
void separate_streams(Model& model) {
  std::vector<Dependent<std::uint64_t, Model>> taken;
  const auto is_taken = [&](std::uint64_t stream) {
    return std::find(taken.begin(), taken.end(), stream) != taken.end();
  };
  for_each_part_below(model, [&]<class Part>(Part& part) {
    if constexpr (std::same_as<Part, Draws>) {
      for (std::uint64_t free = std::uint64_t{1} << 32; is_taken(part.stream); ++free) part.stream = free;
      taken.push_back(part.stream);
    }
  });
}

/// The sum of the numbers of all draws of gates: numbers only grow, so that it changes where one does.
template <class Model>
std::uint64_t sample_number(Model& model) {
  std::uint64_t sum = 0;
  for_each_gated(model, [&](auto& part) {
    if constexpr (requires { gates_of(part).sample_number(); }) sum += gates_of(part).sample_number();
  });
  return sum;
}

}  // namespace l0::detail
