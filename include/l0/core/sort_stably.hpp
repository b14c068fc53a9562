// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace l0::detail {

/// Sorts by `less`; equals keep their order. As std::stable_sort, which in libstdc++ up to 13 calls what clang++ from
/// 17 on warns of in every program. Merges runs that insertion has sorted.
template <class Value, class Less>
void sort_stably(std::vector<Value>& values, const Less& less) {
  using Offset = std::ptrdiff_t;
  const auto size = static_cast<Offset>(values.size());
  constexpr Offset run = 16;
  for (Offset first = 0; first < size; first += run) {
    const auto begin = values.begin() + first;
    const auto end = values.begin() + std::min(size, first + run);
    for (auto at = begin; at != end; ++at) std::rotate(std::upper_bound(begin, at, *at, less), at, at + 1);
  }
  if (size <= run) return;
  std::vector<Value> merged(values);
  for (Offset width = run; width < size; width *= 2) {
    for (Offset first = 0; first < size; first += 2 * width) {
      const auto begin = std::make_move_iterator(values.begin() + first);
      const auto middle = std::make_move_iterator(values.begin() + std::min(size, first + width));
      const auto end = std::make_move_iterator(values.begin() + std::min(size, first + 2 * width));
      std::merge(begin, middle, middle, end, merged.begin() + first, less);
    }
    values.swap(merged);
  }
}

}  // namespace l0::detail
