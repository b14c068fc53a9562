// SPDX-License-Identifier: MIT
#pragma once

namespace l0::detail {

/// Lets a reader or writer at the members of a class that has this as a friend and lists them in a private
///
///     template <class Self, class Archive> static void archive(Self& self, Archive& a) { a("rank", self.rank_); ... }
///
/// One list for both: `Archive::reads` tells which it is, and after reading `a.require(good, what)` refuses what the
/// class cannot be.
struct StoredAccess {
  template <class T, class Archive>
  static void archive(T& value, Archive& a) {
    T::archive(value, a);
  }
};

}  // namespace l0::detail
