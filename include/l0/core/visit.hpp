// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/parameter.hpp>

/// \file
/// What an object consists of, said once, by a member `visit`; handles, gates, files, checkpoints and reports are read
/// off it:
///
///     void visit(auto&& v) { v("weight", weight_); v("running_mean", mean_); v("gate", gate_); v("width", width_); }
///
/// Parameters are trained and stored, buffers and lists stored, numbers stored or, where they are handed out const,
/// compared; all else is a part that has `visit` itself. What stands under an empty name has the names of its members
/// alone.

namespace l0 {

/// An array that is stored and copied with its owner but never stepped: running means, for instance.
template <class Plain>
struct Buffer {
  using Scalar = typename Plain::Scalar;  ///< float or double
  Plain value;                            ///< the numbers; their shape stays as it is
};

/// What a number read from a file must be, as the third argument of `v`: `v("width", width_, l0::Range{.above = 0})`.
struct Range {
  double above = -std::numeric_limits<double>::infinity();     ///< exclusive
  double at_most = std::numeric_limits<double>::infinity();    ///< inclusive
  std::string_view expectation = "a number within its range";  ///< what an `Error` says was expected
};

/// The extents under which a file knows a parameter, outermost first, as the third argument of `v`; those after the
/// last are 0. Others are stored as they are, vectors with one extent.
struct StoredShape {
  Index extents[4] = {0, 0, 0, 0};  ///< their product is the size of the parameter
};

namespace detail {

template <class T>
inline constexpr bool is_parameter = false;
template <class M>
inline constexpr bool is_parameter<Parameter<M>> = true;
template <class T>
inline constexpr bool is_buffer = false;
template <class M>
inline constexpr bool is_buffer<Buffer<M>> = true;

struct AnyVisitor {
  void operator()(std::string_view, const auto&, const auto&...) const {}
};

inline std::string path_below(const std::string& path, std::string_view name) {
  std::string result = path;
  if (!path.empty() && !name.empty()) result += '.';
  result += name;
  return result;
}

}  // namespace detail

/// An array that is trained: a `Parameter`.
template <class T>
concept ParameterMember = detail::is_parameter<std::remove_cvref_t<T>>;

/// An array that is only stored: a `Buffer`.
template <class T>
concept BufferMember = detail::is_buffer<std::remove_cvref_t<T>>;

/// A number, a flag or an enumeration.
template <class T>
concept NumberMember = std::is_arithmetic_v<std::remove_cvref_t<T>> || std::is_enum_v<std::remove_cvref_t<T>>;

/// A list of numbers whose length may change, such as the prices of a budget.
template <class T>
concept ListMember = std::is_same_v<std::remove_cvref_t<T>, std::vector<detail::Dependent<double, T>>>;

/// Says what it consists of: `visit(v)` calls v(name, member) for every member that makes it what it is, in an order
/// that never changes. It is not const; whoever walks a const object is handed const members all the same.
template <class T>
concept Visitable = !std::is_base_of_v<Eigen::EigenBase<std::remove_cvref_t<T>>, std::remove_cvref_t<T>> &&
                    requires(std::remove_cvref_t<T> & part, detail::AnyVisitor visitor) {
  part.visit(visitor);
};

namespace detail {

/// Calls use(name, member, more...) for the members of a part, const ones of a const part.
template <class Part, class Use>
void visit_members(Part& part, Use&& use) {
  const_cast<std::remove_const_t<Part>&>(part).visit([&](std::string_view name, auto& member, const auto&... more) {
    using Member = std::remove_reference_t<decltype(member)>;
    static_assert(ParameterMember<Member> || BufferMember<Member> || NumberMember<Member> || ListMember<Member> ||
                      Visitable<Member>,
                  "l0: visit names parameters, buffers, numbers, and parts that have visit themselves");
    using Seen = std::conditional_t<std::is_const_v<Part>, const Member, Member>;
    use(name, static_cast<Seen&>(member), more...);
  });
}

}  // namespace detail

/// Calls use(path, member, more...) for everything below `part`, what has members before its members: "2.conv1", then
/// "2.conv1.weight". `more` is a `Range` or `StoredShape` where the part gave one.
template <Visitable Part, class Use>
void walk(Part& part, Use&& use, const std::string& path = {}) {
  detail::visit_members(part, [&](std::string_view name, auto& member, const auto&... more) {
    const auto here = detail::path_below(path, name);
    use(here, member, more...);
    if constexpr (Visitable<decltype(member)>) walk(member, use, here);
  });
}

/// Handles on all parameters below `part`, in the order in which they are visited; what they survive: see `Parameter`.
template <Visitable Part>
Parameters<typename Part::Scalar> parameters(Part& part) {
  Parameters<typename Part::Scalar> list;
  const auto append = [&](auto& self, auto& owner) -> void {
    detail::visit_members(owner, [&](std::string_view, auto& member, const auto&...) {
      if constexpr (ParameterMember<decltype(member)>) {
        list.push_back(member.ref());
      } else if constexpr (Visitable<decltype(member)>) {
        self(self, member);
      }
    });
  };
  append(append, part);
  return list;
}

}  // namespace l0
