// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <l0/gates/gated.hpp>
#include <l0/gates/grouping.hpp>
#include <l0/layers/compaction.hpp>
#include <l0/layers/layer.hpp>

namespace l0 {

template <std::floating_point Scalar_, GateGrouping Grouping, GateDistribution Distribution>
class L0Linear;
template <std::floating_point Scalar_, GateGrouping Grouping_, GateDistribution Distribution>
class L0Conv2d;

namespace detail {

/// One kind of member that is handed out from behind `AnyLayer`.
template <class Member>
struct MemberReceiver {
  virtual void take(std::string_view name, Member& member, const Range* range, const StoredShape* shape) = 0;

 protected:
  MemberReceiver() = default;
  ~MemberReceiver() = default;
};

template <class... Members>
struct MemberList {};

template <class List>
struct MembersReceiver;
template <class... Members>
struct MembersReceiver<MemberList<Members...>> : MemberReceiver<Members>... {
  using MemberReceiver<Members>::take...;

  template <class Member>
  static constexpr bool takes = (std::same_as<Member, Members> || ...);

 protected:
  ~MembersReceiver() = default;
};

/// Index, or where that is int, another integer in its place.
using LongIndex = std::conditional_t<std::same_as<Index, int>, std::int64_t, Index>;

/// What `AnyLayer` hands out as it is. Other parts are taken apart: what they consist of is handed out under joined
/// names.
template <class S>
using KnownMembers = MemberList<Parameter<Matrix<S>>, Parameter<Vector<S>>, Buffer<Matrix<S>>, Buffer<Vector<S>>, bool,
                                const bool, int, const int, LongIndex, const LongIndex, std::uint64_t,
                                const std::uint64_t, float, const float, double, const double, Gate<HardConcrete<S>, 1>,
                                Gate<HardConcrete<S>, Eigen::Dynamic>, L0Linear<S, PerWeight, HardConcrete<S>>,
                                L0Linear<S, PerInput, HardConcrete<S>>, L0Linear<S, PerOutput, HardConcrete<S>>, Draws>;

/// Hands every member to a visitor of any type: the end of the wire.
template <class Visitor, class List, class Members>
struct ForwardingReceiver;
template <class Visitor, class List, class First, class... Rest>
struct ForwardingReceiver<Visitor, List, MemberList<First, Rest...>>
    : ForwardingReceiver<Visitor, List, MemberList<Rest...>> {
  using ForwardingReceiver<Visitor, List, MemberList<Rest...>>::ForwardingReceiver;
  using ForwardingReceiver<Visitor, List, MemberList<Rest...>>::take;
  void take(std::string_view name, First& member, const Range* range, const StoredShape* shape) override {
    if (range != nullptr) {
      this->visitor(name, member, *range);
    } else if (shape != nullptr) {
      this->visitor(name, member, *shape);
    } else {
      this->visitor(name, member);
    }
  }
};
template <class Visitor, class List>
struct ForwardingReceiver<Visitor, List, MemberList<>> : MembersReceiver<List> {
  explicit ForwardingReceiver(Visitor& v) : visitor(v) {}
  using MembersReceiver<List>::take;
  Visitor& visitor;
};

template <class Receiver, class Member>
void send(Receiver& receiver, std::string_view name, Member& member, const Range* range, const StoredShape* shape) {
  static_cast<MemberReceiver<Member>&>(receiver).take(name, member, range, shape);
}

/// Hands what a layer consists of to a receiver: the beginning of the wire.
template <class Receiver, class Part>
void send_members(Receiver& receiver, Part& part, const std::string& path) {
  visit_members(part, [&]<class Member, class... More>(std::string_view name, Member& member, const More&... more) {
    const std::string here = path_below(path, name);
    if constexpr (Receiver::template takes<Member>) {
      const Range* range = nullptr;
      const StoredShape* shape = nullptr;
      const auto keep = [&](const auto& one) {
        if constexpr (std::same_as<std::remove_cvref_t<decltype(one)>, Range>) range = &one;
        if constexpr (std::same_as<std::remove_cvref_t<decltype(one)>, StoredShape>) shape = &one;
      };
      (keep(more), ...);
      send(receiver, here, member, range, shape);
    } else {
      static_assert(Visitable<Member>,
                    "l0: a layer of a run-time network consists of parameters and buffers of its Scalar, "
                    "numbers of the types bool, int, Index, std::uint64_t, float and double, and parts");
      send_members(receiver, member, here);
    }
  });
}

/// The operations of a part that says them, or of the parts that it consists of.
template <class Part>
Index flops_of(const Part& part) {
  if constexpr (requires {
                  { part.flops() } -> std::convertible_to<Index>;
                }) {
    return part.flops();
  } else {
    Index total = 0;
    visit_members(part, [&](std::string_view, const auto& member, const auto&...) {
      if constexpr (Visitable<decltype(member)>) total += flops_of(member);
    });
    return total;
  }
}

/// A noise source that a virtual function can take.
template <class Scalar>
struct NoiseRef {
  const Rng* rng = nullptr;
  const GivenNoise<Scalar>* given = nullptr;
};

}  // namespace detail

/// Any layer behind one interface: what a `Network` is a list of. These are the only virtual calls of the library, one
/// per layer and batch. A copy is deep.
template <std::floating_point Scalar_>
class AnyLayer {
 public:
  using Scalar = Scalar_;  ///< float or double

  /// Takes a layer.
  template <Layer L>
    requires std::same_as<typename L::Scalar, Scalar> &&(!std::same_as<L, AnyLayer>)explicit AnyLayer(L layer)
        : face_(std::make_unique<Holder<L>>(std::move(layer))) {}
    AnyLayer(const AnyLayer& other) : face_(other.face_ ? other.face_->clone() : nullptr) {}  ///< A deep copy.
    AnyLayer(AnyLayer&&) noexcept = default;  ///< Takes the layer along.
    ~AnyLayer() = default;
    /// Assigns layer to layer where both are of one type, so that handles stay right; else takes a copy.
    AnyLayer& operator=(const AnyLayer& other) {
      if (this == &other) return *this;
      if (!face_ || !other.face_ || !face_->assign(*other.face_)) {
        face_ = other.face_ ? other.face_->clone() : nullptr;
      }
      return *this;
    }
    /// The same.
    AnyLayer& operator=(AnyLayer&& other) {  // NOLINT(performance-noexcept-move-constructor): writes through
      if (!face_ || !other.face_ || !face_->assign(*other.face_)) face_ = std::move(other.face_);
      return *this;
    }

    /// The layer, if it is of type L; else null.
    template <class L>
    L* get_if() {
      return face_->type() == type_of<L>() ? &static_cast<Holder<L>&>(*face_).layer : nullptr;
    }
    /// The layer, if it is of type L; else null.
    template <class L>
    const L* get_if() const {
      return face_->type() == type_of<L>() ? &static_cast<const Holder<L>&>(*face_).layer : nullptr;
    }

    /// The name of the layer's type in files and reports, empty where it has none.
    std::string_view type_name() const { return face_->type_name(); }
    /// Columns that come in, −1 where the layer does not say.
    Index inputs() const { return face_->inputs(); }
    /// Columns that come of so many. Throws `Error` where the layer does not take them.
    Index outputs(Index columns) const { return face_->outputs(columns); }
    /// Multiplications and additions for a sample of so many columns, weights of 0 left out where gates close them.
    Index flops() const { return face_->flops(); }

    /// As the layer's. The noise is an `Rng` or `GivenNoise`.
    template <class Noise>
    const Matrix<Scalar>& forward(const Matrix<Scalar>& x, Noise&& noise) {
      using Source = std::remove_cvref_t<Noise>;
      static_assert(std::same_as<Source, Rng> || std::same_as<Source, GivenNoise<Scalar>>,
                    "l0: a run-time network takes l0::Rng or l0::GivenNoise as its noise");
      detail::NoiseRef<Scalar> ref;
      if constexpr (std::same_as<Source, Rng>) ref.rng = &noise;
      if constexpr (std::same_as<Source, GivenNoise<Scalar>>) ref.given = &noise;
      return face_->forward(x, ref);
    }
    /// As the layer's.
    void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
      face_->backward(upstream, &input_gradient);
    }
    /// The same; without the gradient by x where that is null.
    void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>* input_gradient) {
      face_->backward(upstream, input_gradient);
    }
    /// As the layer's.
    Matrix<Scalar> predict(const Matrix<Scalar>& x) const { return face_->predict(x); }

    /// What the layer consists of.
    void visit(auto&& v) {
      using List = detail::KnownMembers<Scalar>;
      detail::ForwardingReceiver<std::remove_reference_t<decltype(v)>, List, List> receiver(v);
      face_->visit(receiver);
    }

    /// As `Compactable` has it; a layer that has it not is kept whole.
    void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { face_->find_constants(in, out); }
    /// As `Compactable` has it.
    void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { face_->find_needs(in, out); }
    /// As `Compactable` has it.
    AnyLayer compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const { return face_->compacted(in, out); }

   private:
    using Receiver = detail::MembersReceiver<detail::KnownMembers<Scalar>>;

    /// A number per type, without type information.
    template <class L>
    static const void* type_of() {
      static const char here = 0;
      return &here;
    }

    struct Face {
      virtual ~Face() = default;
      virtual const void* type() const = 0;
      virtual std::unique_ptr<Face> clone() const = 0;
      virtual bool assign(const Face& other) = 0;
      virtual std::string_view type_name() const = 0;
      virtual Index inputs() const = 0;
      virtual Index outputs(Index columns) const = 0;
      virtual Index flops() const = 0;
      virtual const Matrix<Scalar>& forward(const Matrix<Scalar>& x, const detail::NoiseRef<Scalar>& noise) = 0;
      virtual void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>* input_gradient) = 0;
      virtual Matrix<Scalar> predict(const Matrix<Scalar>& x) const = 0;
      virtual void visit(Receiver& receiver) = 0;
      virtual void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const = 0;
      virtual void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const = 0;
      virtual AnyLayer compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const = 0;
    };

    template <class L>
    struct Holder final : Face {
      explicit Holder(L l) : layer(std::move(l)) {}
      const void* type() const override { return type_of<L>(); }
      std::unique_ptr<Face> clone() const override { return std::make_unique<Holder>(*this); }
      bool assign(const Face& other) override {
        if (other.type() != type()) return false;
        layer = static_cast<const Holder&>(other).layer;
        return true;
      }
      std::string_view type_name() const override {
        if constexpr (requires { L::type_name; }) return L::type_name;
        return {};
      }
      Index inputs() const override { return detail::columns_in(layer); }
      Index outputs(Index columns) const override { return layer.outputs(columns); }
      Index flops() const override { return detail::flops_of(layer); }
      const Matrix<Scalar>& forward(const Matrix<Scalar>& x, const detail::NoiseRef<Scalar>& noise) override {
        if (noise.given != nullptr) return layer.forward(x, *noise.given);
        return layer.forward(x, *noise.rng);
      }
      void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>* input_gradient) override {
        if (input_gradient != nullptr) {
          layer.backward(upstream, *input_gradient);
        } else if constexpr (requires { layer.backward(upstream); }) {
          layer.backward(upstream);
        } else {
          layer.backward(upstream, unused);
        }
      }
      Matrix<Scalar> predict(const Matrix<Scalar>& x) const override { return layer.predict(x); }
      void visit(Receiver& receiver) override {
        if constexpr (Receiver::template takes<L>) {
          detail::send(receiver, {}, layer, nullptr, nullptr);
        } else {
          detail::send_members(receiver, layer, {});
        }
      }
      void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const override {
        if constexpr (Compactable<L>) layer.find_constants(in, out);
      }
      void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const override {
        if constexpr (Compactable<L>) {
          layer.find_needs(in, out);
        } else {
          in.need_all();
        }
      }
      AnyLayer compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const override {
        if constexpr (Compactable<L>) {
          return layer.compacted(in, out);
        } else {
          out.need_all();
          return AnyLayer(layer);
        }
      }
      L layer;
      Matrix<Scalar> unused{};  // where a layer gives the gradient by x that nobody asked for
    };

    std::unique_ptr<Face> face_;
};

}  // namespace l0
