// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// gates/: numbers in [0, 1], each with one learnable location, that close to exactly 0.
///
///     GateOptions            distribution: what a distribution has; hard_concrete, gaussian: two of them
///       ▼
///     Gate                   the location of every gate (log α or μ), a Parameter that optimizers move
///       ▼ sample(noise)      kernels: all gates in one pass; what they need of a distribution are its formulas()
///     z                      to the model; grouping says which weights of a layer share a gate
///       ▼ backward(dL/dz)    location gradient += dL/dz ∘ dz/dlocation, which follows from z alone
///       ▼ accumulate_...     and the prices of penalties, λ dP(z ≠ 0)/dlocation
///     deterministic()        after training: what prediction multiplies by, 0 where a gate is closed
///
/// Estimators can do without draws: quadrature gives E[z] and Var z as functions of the location (`moment_rule`), and
/// proposal trains gates on an objective in expectation to propose supports; gate_mode is their option for that.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/parameter.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/visit.hpp>
#include <l0/gates/compiled.hpp>
#include <l0/gates/distribution.hpp>
#include <l0/gates/draw.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/gates/kernels.hpp>
#include <l0/random/draws.hpp>
#include <l0/random/noise.hpp>

namespace l0 {

/// An array of independent gates: one learnable location each, a shared distribution, noise and gradients.
///
/// The array is a vector (`Columns` = 1) or a matrix (`Columns` = Eigen::Dynamic). `sample` draws the gates, `backward`
/// turns the gradient of an objective with respect to their values into one with respect to
/// their locations (log α of `HardConcrete`, μ of `ClippedGaussian`):
///
///     Rng rng(42);
///     HardConcreteGate<double> gate(3, {.temperature = 0.5});
///     const auto& z = gate.sample(rng);   // 3 values in [0, 1]
///     gate.backward(dL_dz);               // log_alpha_gradient() += dL_dz ∘ dz/dlog α
///
/// Draw number d of the gate depends on the seed of the Rng, the gate's stream and d alone. Copies are deep and carry
/// the draw number on; for moves and assignment see `Parameter`. `sample` allocates at the first call only.
///
/// Backward belongs to a draw: the distribution of that time, and whether the gates were frozen, are kept with its
/// values. Later calls of `set_temperature` and `unfreeze` do not change it; no gradient reaches gates that were frozen
/// then or are now.
template <GateDistribution Distribution_, int Columns = 1>
class Gate {
 public:
  using Distribution = Distribution_;                                              ///< the distribution of a gate
  using Scalar = typename Distribution::Scalar;                                    ///< float or double
  using Values = Eigen::Matrix<Scalar, Eigen::Dynamic, Columns, Eigen::ColMajor>;  ///< a value per gate
  using Options = GateOptions<Scalar>;                                             ///< what can be set
  /// The name of the parameter in handles and files.
  static constexpr bool named_log_alpha = std::string_view(Distribution::location_name) == "log_alpha";
  /// The name of the parameter in handles and files.
  static constexpr bool named_mu = std::string_view(Distribution::location_name) == "mu";

  /// `size` gates with one initial probability. Throws `Error` for options outside their ranges.
  explicit Gate(Index size, const Options& options = {}) requires(Columns == 1) : Gate(size, 1, options) {}

  /// rows × columns gates.
  template <std::integral Number>  // so that `Gate(50, {})` means options
  Gate(Index rows, Number columns, const Options& options = {})
      : Gate(Distribution::from_options(options), rows, columns, options.stream, options.init_sparsity) {}

  /// One gate per entry of `init_sparsity`, each with a probability of its own; `options.init_sparsity` is not used.
  template <class Derived>
  explicit Gate(const Eigen::DenseBase<Derived>& init_sparsity, const Options& options = {})
      : Gate(Distribution::from_options(options), init_sparsity.rows(), init_sparsity.cols(), options.stream) {
    location_.value() = detail::as_matrix_of<Scalar>(init_sparsity).unaryExpr([&](Scalar s) {
      return distribution_.initial_location(s);
    });
  }

  /// Gates of any distribution, rows × columns of them with one initial probability.
  Gate(const Distribution& distribution, Index rows, Index columns, std::uint64_t stream = 0,
       Scalar init_sparsity = Options{}.init_sparsity)
      : shape_(detail::require_size("rows", rows), checked_columns(columns)),
        distribution_((distribution.validate(), distribution)), draws_{stream},
        location_(ParameterKind::gate, Distribution::location_name, rows, columns, Scalar(detail::log_alpha_limit)),
        drawn_{distribution}, each_drawn_{distribution} {
    location_.value().setConstant(distribution_.initial_location(init_sparsity));
  }

  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v(Distribution::location_name, location_);
    v("temperature", distribution_.temperature, Range{.above = 0, .expectation = "one > 0"});
    if constexpr (requires { distribution_.gamma; }) {  // of a file, the same as here
      v("gamma", std::as_const(distribution_.gamma));
      v("zeta", std::as_const(distribution_.zeta));
    }
    v("", draws_);
    v("frozen", frozen_);
  }

  /// How many gates there are.
  Index size() const { return rows() * columns(); }
  /// Number of rows.
  Index rows() const { return shape_.rows(); }
  /// Number of columns.
  Index columns() const { return shape_.columns(); }

  /// The shared parameters of the gates.
  const Distribution& distribution() const { return distribution_; }
  Scalar temperature() const { return distribution_.temperature; }  ///< β.
  /// β of all gates from the next `sample` on. Throws `Error` unless > 0.
  void set_temperature(Scalar temperature) {
    Distribution changed = distribution_;
    changed.temperature = temperature;
    changed.validate();
    distribution_ = changed;
  }

  auto& location() { return location_.value(); }                          ///< The learnable number of each gate.
  const auto& location() const { return location_.value(); }              ///< The same: log α or μ.
  auto& location_gradient() { return location_.gradient(); }              ///< Its gradient.
  const auto& location_gradient() const { return location_.gradient(); }  ///< Its gradient.
  /// Handles for an optimizer, which keeps the locations in ±20; what they survive: see `Parameter`.
  Parameters<Scalar> parameters() { return {location_.ref()}; }

  // The location under the name that it has in `HardConcrete`, and in `ClippedGaussian`.
  auto& log_alpha() requires named_log_alpha { return location(); }                    ///< The location, log α.
  const auto& log_alpha() const requires named_log_alpha { return location(); }        ///< The location, log α.
  auto& log_alpha_gradient() requires named_log_alpha { return location_gradient(); }  ///< Its gradient.
  const auto& log_alpha_gradient() const requires named_log_alpha { return location_gradient(); }  ///< Its gradient.
  auto& mu() requires named_mu { return location(); }                                ///< The location, μ.
  const auto& mu() const requires named_mu { return location(); }                    ///< The location, μ.
  auto& mu_gradient() requires named_mu { return location_gradient(); }              ///< Its gradient.
  const auto& mu_gradient() const requires named_mu { return location_gradient(); }  ///< Its gradient.

  /// The stream of the Rng this gate draws from, and how often it has drawn.
  std::uint64_t stream() const { return draws_.stream; }
  /// The number of the next draw.
  std::uint64_t draw() const { return draws_.draw; }
  /// Sets the number of the next draw, to resume or repeat a run.
  void set_draw(std::uint64_t draw) { draws_.draw = draw; }
  /// A number that changes with every `sample`, `sample_each` and assignment, of frozen gates too: whether values kept
  /// elsewhere still are those of the last draw.
  std::uint64_t sample_number() const { return number_.get(); }

  /// Adds N(0, deviation²) to the locations, so that gates do not start alike.
  void jitter(const Rng& rng, Scalar deviation) {
    detail::require_non_negative("deviation", deviation);
    Values noise(rows(), columns());
    detail::fill_normal(rng, draws_.stream, detail::initial_draw - 1, noise.data(), noise.size());
    location() += deviation * noise;
  }

  /// Draws all gates; the reference is valid until the next call. Frozen gates take their deterministic values.
  template <NoiseSource Noise>
  const Values& sample(Noise&& noise) {
    if (frozen_) {
      write_deterministic(values_);
    } else {
      const auto uniforms = uniforms_of(noise, rows(), columns());
      values_.resize(rows(), columns());
      detail::dispatch<detail::SampleGates>(distribution_.formulas(), uniforms, std::as_const(location()).data(),
                                            values_.data(), size());
    }
    drawn_ = {distribution_, true, frozen_};
    number_.next();
    return values_;
  }

  /// The values of the last `sample`.
  const Values& values() const {
    detail::require_sample("values", drawn_.is_there);
    return values_;
  }

  /// location_gradient() += upstream ∘ dz/dlocation, at the noise and temperature of the last `sample`. `upstream` has
  /// the shape of the gates. May be called again; each call adds.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    detail::require_sample("backward", drawn_.is_there);
    detail::require_shape("upstream", upstream.rows(), upstream.cols(), rows(), columns());
    if (is_held(drawn_)) return;
    if constexpr (has_plain_storage<Derived>()) {
      add_gradient(upstream.derived().data());
    } else {
      upstream_ = detail::as_matrix_of<Scalar>(upstream);
      add_gradient(upstream_.data());
    }
  }

  /// Backward of the product weight ∘ z, given `upstream`, the gradient with respect to it, in one pass over memory:
  /// log_alpha_gradient() += upstream ∘ weight ∘ dz/dlog α, and weight_gradient += upstream ∘ z. All have the shape of
  /// the gates.
  void backward_product(const Eigen::Ref<const Values>& upstream, const Eigen::Ref<const Values>& weight,
                        Eigen::Ref<Values> weight_gradient) {
    detail::require_sample("backward_product", drawn_.is_there);
    detail::require_shape("upstream", upstream.rows(), upstream.cols(), rows(), columns());
    detail::require_shape("weight", weight.rows(), weight.cols(), rows(), columns());
    detail::require_shape("weight_gradient", weight_gradient.rows(), weight_gradient.cols(), rows(), columns());
    const auto in_one_piece = [&](const auto& x) { return x.cols() == 1 || x.outerStride() == x.rows(); };
    const bool held = is_held(drawn_);
    if (held || !in_one_piece(upstream) || !in_one_piece(weight) || !in_one_piece(weight_gradient)) {
      weight_gradient += upstream.cwiseProduct(values_);
      if (!held) backward(upstream.cwiseProduct(weight));
      return;
    }
    detail::dispatch<detail::BackpropagateProducts>(
        drawn_.distribution.formulas(), std::as_const(*this).location().data(), std::as_const(values_).data(),
        upstream.data(), weight.data(), weight_gradient.data(), location_gradient().data(), size());
  }

  /// Draws a vector of gates once for every sample of a batch, a samples × gates matrix: the gates' local
  /// reparameterisation (section 2.3 of the paper), with less noise in the gradient at the price of more noise drawn.
  template <NoiseSource Noise>
  const Matrix<Scalar>& sample_each(Index samples, Noise&& noise) requires(Columns == 1) {
    detail::require_size("samples", samples);
    if (frozen_) {
      write_deterministic(upstream_);
      each_value_ = upstream_.transpose().replicate(samples, 1);
    } else {
      const auto uniforms = uniforms_of(noise, samples, size());
      each_location_ = location().transpose().replicate(samples, 1);
      each_value_.resize(samples, size());
      detail::dispatch<detail::SampleGates>(distribution_.formulas(), uniforms, std::as_const(each_location_).data(),
                                            each_value_.data(), each_value_.size());
    }
    each_drawn_ = {distribution_, true, frozen_};
    number_.next();
    return each_value_;
  }

  /// The values of the last `sample_each`.
  const Matrix<Scalar>& each_values() const {
    detail::require_sample("each_values", each_drawn_.is_there, "sample_each");
    return each_value_;
  }

  /// location_gradient() += Σ over samples of upstream ∘ dz/dlocation, at the last `sample_each`.
  void backward_each(const auto& given) requires(Columns == 1) {
    const Matrix<Scalar>& upstream = detail::as_matrix_of<Scalar>(given);  // a copy only of what is none
    detail::require_sample("backward_each", each_drawn_.is_there, "sample_each");
    detail::require_shape("upstream", upstream.rows(), upstream.cols(), each_value_.rows(), size());
    if (is_held(each_drawn_)) return;
    each_gradient_.setZero(upstream.rows(), upstream.cols());
    detail::dispatch<detail::BackpropagateGates>(
        each_drawn_.distribution.formulas(), std::as_const(each_location_).data(), std::as_const(each_value_).data(),
        upstream.data(), each_gradient_.data(), upstream.size());
    location_gradient() += each_gradient_.colwise().sum().transpose();
  }

  /// The gates used for prediction; see `HardConcrete::deterministic`.
  Values deterministic(Evaluation evaluation = Evaluation::with_temperature) const {
    Values result(rows(), columns());
    if (evaluation == Evaluation::with_temperature) {
      write_deterministic(result);
    } else {
      result = location().unaryExpr([&](Scalar a) { return distribution_.deterministic(a, evaluation); });
    }
    return result;
  }

  /// P(z ≠ 0) of each gate.
  Values active_probability() const {
    Values result(rows(), columns());
    detail::dispatch<detail::ActiveProbabilities>(distribution_.formulas(), location().data(), result.data(), size());
    return result;
  }

  /// E[z] and Var z of each gate.
  Values mean() const {
    const auto rule = distribution_.moment_rule();
    return location().unaryExpr([&](Scalar a) { return static_cast<Scalar>(rule.evaluate(double(a)).mean); });
  }
  /// Var z of each gate.
  Values variance() const {
    const auto rule = distribution_.moment_rule();
    return location().unaryExpr([&](Scalar a) { return static_cast<Scalar>(rule.evaluate(double(a)).variance); });
  }

  /// Σ P(z ≠ 0), the expected number of open gates.
  Scalar expected_l0() const {
    return static_cast<Scalar>(detail::dispatch<detail::PriceGates>(distribution_.formulas(), location().data(),
                                                                    Scalar(0), static_cast<Scalar*>(nullptr), size()));
  }
  /// The same, under the name that l0-python uses.
  Scalar l0_penalty() const { return expected_l0(); }
  /// The same, under the name that l0-python uses.
  Scalar get_l0_penalty() const { return expected_l0(); }

  /// Returns `expected_l0()` and adds scale · dE‖z‖₀/dlocation to the gradient (nothing while frozen).
  Scalar accumulate_expected_l0(Scalar scale) {
    return static_cast<Scalar>(detail::dispatch<detail::PriceGates>(
        distribution_.formulas(), std::as_const(*this).location().data(), scale,
        frozen_ ? static_cast<Scalar*>(nullptr) : location_gradient().data(), size()));
  }

  /// location_gradient() += price ∘ dP(z ≠ 0)/dlocation, for a price of its own per gate (nothing while frozen).
  template <class Derived>
  void accumulate_active_gradient(const Eigen::DenseBase<Derived>& price) {
    detail::require_shape("price", price.rows(), price.cols(), rows(), columns());
    if (frozen_) return;
    const auto formulas = distribution_.formulas();
    const auto slope = [&](Scalar a) {
      return formulas.active_probability_derivative(formulas.active_probability(a), a);
    };
    location_gradient() +=
        detail::as_matrix_of<Scalar>(price).cwiseProduct(std::as_const(*this).location().unaryExpr(slope));
  }

  /// Prices what the gates keep open: `add_prices(p, price)` gets P(z ≠ 0) of the gates and adds to `price`, all 0 at
  /// first, what each of them costs when open. Returns Σ p ∘ price and adds price ∘ dP/dlocation to the gradient
  /// (nothing while frozen).
  template <class AddPrices>
  Scalar accumulate_prices(AddPrices&& add_prices) {
    Values& p = upstream_;
    p.resize(rows(), columns());
    detail::dispatch<detail::ActiveProbabilities>(distribution_.formulas(), std::as_const(*this).location().data(),
                                                  p.data(), size());
    price_.setZero(rows(), columns());
    add_prices(std::as_const(p), price_);
    accumulate_active_gradient(price_);
    return p.cwiseProduct(price_).sum();
  }

  /// How many deterministic gates are not 0.
  Index active_count() const { return (deterministic().array() != Scalar(0)).count(); }
  /// The share of deterministic gates that are exactly 0; 0 if there are no gates.
  Scalar sparsity() const {
    return size() == 0 ? Scalar(0) : 1 - static_cast<Scalar>(active_count()) / static_cast<Scalar>(size());
  }

  /// Holds the gates at their deterministic values: sampling draws nothing and no gradient reaches the locations.
  void freeze() { frozen_ = true; }
  /// Ends what `freeze` began.
  void unfreeze() { frozen_ = false; }
  /// Whether the gates are held.
  bool frozen() const { return frozen_; }

 private:
  static Index checked_columns(Index columns) {
    detail::require_size("columns", columns);
    if constexpr (Columns != Eigen::Dynamic) {
      detail::require(columns == Columns, "columns", columns, "1 for a vector of gates");
    }
    return columns;
  }

  template <class Derived>
  static constexpr bool has_plain_storage() {
    return std::is_base_of_v<Eigen::PlainObjectBase<Derived>, Derived> &&
           std::same_as<typename Derived::Scalar, Scalar> &&
           (bool(Derived::IsVectorAtCompileTime) || bool(Derived::IsRowMajor) == bool(Values::IsRowMajor));
  }

  template <class Noise>
  auto uniforms_of(Noise& noise, Index rows, Index columns) {
    auto uniforms = detail::uniforms_from<Scalar>(noise, draws_.request(rows, columns));
    ++draws_.draw;  // not where the noise refuses
    return uniforms;
  }

  bool is_held(const detail::Draw<Distribution>& draw) const { return draw.frozen || frozen_; }

  void write_deterministic(Values& result) const {
    result.resize(rows(), columns());
    detail::dispatch<detail::DeterministicGates>(distribution_.formulas(), location().data(), result.data(), size());
  }

  void add_gradient(const Scalar* upstream) {
    detail::dispatch<detail::BackpropagateGates>(drawn_.distribution.formulas(), std::as_const(*this).location().data(),
                                                 std::as_const(values_).data(), upstream, location_gradient().data(),
                                                 size());
  }

  ShapeGuard shape_;
  Distribution distribution_;
  Draws draws_;
  Parameter<Values> location_;
  Values values_;
  Values upstream_, price_;  // scratch
  Matrix<Scalar> each_location_;
  Matrix<Scalar> each_value_;
  Matrix<Scalar> each_gradient_;
  detail::Draw<Distribution> drawn_;       // by sample
  detail::Draw<Distribution> each_drawn_;  // by sample_each
  detail::DrawNumber number_;
  bool frozen_ = false;
};

/// Gates with the Hard Concrete distribution.
template <std::floating_point Scalar, int Columns = 1>
using HardConcreteGate = Gate<HardConcrete<Scalar>, Columns>;

}  // namespace l0
