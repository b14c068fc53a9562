// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// training/: the two loops that the library brings along.
///
///     Trainer: a network and data                       minimize: a function f(w, gradient) and w0
///       ▼ per epoch: β, rate, a new order of samples      ▼ per step: β, then f at w∘z
///       ▼ per batch: forward, loss, backward              ▼ gradients of w and log α
///       ▼ penalty.accumulate(network)                     ▼ price: fixed, or by BudgetPrice
///       ▼ Adam or SGD, if all is finite                   ▼ Adam
///     score on validation data, callback                callback; in the end the open gates are read off
///     TrainingReport                                    and f is minimised over their weights
///
/// The same seed gives the same bits; a run stops where a loss is no longer finite, before the step it would lead to.
/// A loop of one's own needs neither: it is the lines in the middle.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/core/stopwatch.hpp>
#include <l0/gates/gated.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/objective.hpp>
#include <l0/optimizers/sgd.hpp>
#include <l0/penalties/penalty.hpp>
#include <l0/training/batches.hpp>
#include <l0/training/evaluate.hpp>

namespace l0 {

/// Options of `Trainer`.
struct TrainerOptions {
  Index epochs = 10;              ///< passes over the data of a `fit`, ≥ 0
  Index batch_size = 100;         ///< samples per step, ≥ 1; the last batch of an epoch may be smaller
  std::uint64_t seed = 0;         ///< of the gates' noise and of the order of the samples
  bool shuffle = true;            ///< a new order in every epoch
  double learning_rate = 1e-3;    ///< of Adam, > 0; not with an optimizer's own options
  double gate_learning_rate = 0;  ///< of the gates; 0: the same
  /// Factor ≥ 0 on all rates in epoch 0, 1, ... of a `fit`.
  std::function<double(Index epoch)> learning_rate_schedule{};
  std::function<double(Index epoch)> temperature_schedule{};  ///< β > 0 of all gates in epoch 0, 1, ... of a `fit`
  Index patience = 0;      ///< stop after so many epochs without a smaller validation loss, and take the best; 0: never
  AnyCallback callback{};  ///< called after every epoch, with `step` the number of epochs done
  double clip_norm = 0;    ///< gradients that are longer than this, all together, are shortened to it; 0: never
};

/// Trains a network on minibatches with Adam, or with the optimizer whose options are given.
///
///     l0::Trainer trainer(net, {.epochs = 20, .seed = 1});
///     const auto report = trainer.fit(X, labels, l0::L0Penalty<float>{.lambda = 1e-5F});
///     l0::Trainer with_momentum(net, l0::SGD<float>::Options{.learning_rate = 0.1f, .momentum = 0.9f}, {.epochs =
///     20});
///
/// A `fit` takes `options.epochs` epochs; one that was stopped by a callback is gone on with by the next, and one that
/// came to its end is followed by another, with its schedules from the start and the optimizer as it is. The order of
/// the samples depends on the seed and the number of the epoch alone, and the noise on the seed and what the gates have
/// drawn: a run that was stored (see `save_checkpoint` of io/network.hpp) and resumed gives the same bits as one that
/// was not. The network must stay where it is. Dense X is read where it lies; sparse X reaches the network as sparse
/// batches.
template <class Network, class Rule = AdamRule<typename Network::Scalar>>
class Trainer {
 public:
  using Scalar = typename Network::Scalar;          ///< float or double
  using Optimizer = GradientOptimizer<Rule>;        ///< what takes the steps
  using OptimizerOptions = typename Rule::Options;  ///< its options

  /// With Adam at the rates of the options. Throws `Error` for options outside their ranges.
  explicit Trainer(Network& network, TrainerOptions options = {}) requires std::same_as<Rule, AdamRule<Scalar>>
      : Trainer(network, rates_of(options), std::move(options)) {}
  /// With an optimizer of these options. Throws `Error` for options outside their ranges.
  Trainer(Network& network, OptimizerOptions optimizer, TrainerOptions options)
      : network_(&network), options_(checked(std::move(options))), noise_(options_.seed),
        optimizer_(l0::parameters(network), std::move(optimizer)) {}

  /// Not for a const network, nor for one that is gone at the end of the line; the compiler says so.
  template <class Given = Network>
  explicit Trainer(const Network& network, TrainerOptions options = {})
      : Trainer(const_cast<Network&>(network), OptimizerOptions{}, std::move(options)) {
    static_assert(!std::is_class_v<Given>, "l0: a Trainer changes its network, which must be a variable and not const");
  }

  /// The options, as given.
  const TrainerOptions& options() const { return options_; }
  /// The optimizer, with its state.
  Optimizer& optimizer() { return optimizer_; }

  /// Epochs done, by all fits.
  Index epoch() const { return epoch_; }

  /// What a run with `patience` remembers.
  struct Best {
    std::optional<Network> network{};                       ///< of the smallest validation loss so far
    double loss = std::numeric_limits<double>::infinity();  ///< that loss
    Index epochs_since = 0;                                 ///< epochs without a smaller one
  };
  /// The best network of the run so far; none without `patience`.
  const Best& best() const { return best_; }
  /// What the next `fit` is to remember, to resume a run.
  void set_best(Best best) {
    detail::require_size("epochs_since", best.epochs_since);
    best_.network.reset();  // a network writes through into one that is there
    best_ = std::move(best);
    current_.reset();
    ended_ = false;
  }
  /// The network as the run would go on from it, where the last `fit` has put the best one in its place; else none.
  const std::optional<Network>& current() const { return current_; }

  /// What changes while it trains, beside the network and the best one: for checkpoints, see core/visit.hpp.
  void visit(auto&& v) {
    v("epoch", epoch_, Range{.above = -1, .expectation = "a number of epochs >= 0"});
    v("begin", begin_, Range{.above = -1, .expectation = "a number of epochs >= 0"});
    v("optimizer", optimizer_);
  }

  /// Has `change(batch, rng)` alter every batch before the network sees it, e.g. shift images; what it draws depends on
  /// the seed and the number of the step alone.
  void transform_batches(std::function<void(Matrix<Scalar>& batch, Rng& rng)> change) { change_ = std::move(change); }

  /// X is samples × inputs, dense or sparse; y holds a label or a row of numbers per sample. `penalty` is anything with
  /// `accumulate(network)`: a penalty or a budget. Throws `Error` where X, y and the network do not fit, before
  /// anything changes. A loss that is not finite ends the run before the step that it would lead to.
  template <class X, class Y, class Penalty, class Loss = DefaultLoss>
  TrainingReport fit(const X& x, const Eigen::DenseBase<Y>& y, Penalty&& penalty, const Loss& loss = {}) {
    if constexpr (can_train<Y, Penalty, Loss>()) {
      return run(
          x, y, penalty, loss, [] { return Score{std::numeric_limits<double>::quiet_NaN()}; }, false);
    } else {
      return {};
    }
  }

  /// As above, with the loss on validation data after every epoch.
  template <class X, class Y, class Penalty, class XV, class YV, class Loss = DefaultLoss>
    requires BatchInput<XV> TrainingReport fit(const X& x, const Eigen::DenseBase<Y>& y, Penalty&& penalty,
                                               const XV& x_validation, const Eigen::DenseBase<YV>& y_validation,
                                               const Loss& loss = {}) {
      if constexpr (can_train<Y, Penalty, Loss>()) {
        detail::check_batch(x_validation, network_->inputs());
        if constexpr (std::integral<typename YV::Scalar>) require_labels(y_validation, "validation label ");
        detail::require_shape("y_validation", y_validation.rows(), y_validation.cols(), x_validation.rows(), y.cols());
        return run(
            x, y, penalty, loss, [&] { return evaluate(*network_, x_validation, y_validation, loss); }, true);
      } else {
        return {};
      }
    }

 private:
  /// What a batch of y is: labels stay integers of their type.
  template <class Y>
  using Target = Matrix<std::conditional_t<std::integral<typename Y::Scalar>, typename Y::Scalar, Scalar>>;

  template <class Y, class Penalty, class Loss>
  static consteval bool can_train() {
    constexpr bool has_penalty = requires(Penalty & penalty, Network & network) {
      { penalty.accumulate(network) } -> std::convertible_to<double>;
    };
    static_assert(has_penalty, "l0: a penalty is an object with accumulate(network), such as l0::L0Penalty<float>{}");
    using M = Matrix<Scalar>;
    constexpr bool has_loss = requires(const Loss& loss, const M& prediction, const Target<Y>& target, M& gradient) {
      { loss(prediction, target, gradient) } -> std::convertible_to<Scalar>;
    };
    static_assert(has_loss,
                  "l0: a loss is a const function loss(prediction, target, gradient) that returns a number and writes "
                  "the gradient; see l0::Loss");
    constexpr bool keeps_gradient = !detail::LosesWhatItWrites<const Loss, const M&, const Target<Y>&, M>;
    static_assert(keeps_gradient,
                  "l0: the loss takes its gradient by value or const, and what it writes is lost; take "
                  "it by reference");
    return has_penalty && has_loss && keeps_gradient;
  }

  static OptimizerOptions rates_of(const TrainerOptions& options) {
    OptimizerOptions rates;
    rates.learning_rate = static_cast<Scalar>(options.learning_rate);
    rates.gate_learning_rate = static_cast<Scalar>(options.gate_learning_rate);
    return rates;
  }

  static TrainerOptions checked(TrainerOptions options) {
    detail::require_size("epochs", options.epochs);
    detail::require(options.batch_size >= 1, "batch_size", options.batch_size, "a number of samples >= 1");
    detail::require_positive("learning_rate", options.learning_rate);
    detail::require_non_negative("gate_learning_rate", options.gate_learning_rate);
    detail::require_size("patience", options.patience);
    detail::require_non_negative("clip_norm", options.clip_norm);
    return options;
  }

  template <class X, class Y, class Penalty, class Loss, class Validate>
  TrainingReport run(const X& x, const Y& y, Penalty& penalty, const Loss& loss, Validate&& validate,
                     bool has_validation) {
    detail::check_batch(x, network_->inputs());
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), y.cols());
    detail::require(has_validation || options_.patience == 0, "patience", options_.patience,
                    "0 without validation data");
    if constexpr (std::integral<typename Y::Scalar>) require_labels(y, "label ");
    return epochs(detail::by_rows<Scalar>(x), y, penalty, loss, validate);
  }

  template <class Y>
  void require_labels(const Y& y, const char* what) const {
    const Index classes = network_->outputs();
    for (Index i = 0; classes >= 0 && i < y.rows(); ++i) {
      const auto label = static_cast<Index>(y.derived().coeff(i, 0));
      if (label < 0 || label >= classes) {
        detail::fail(what + detail::to_text(i), detail::to_text(label),
                     "a class in [0, " + detail::to_text(classes) + ")");
      }
    }
  }

  template <class X, class Y, class Penalty, class Loss, class Validate>
  TrainingReport epochs(const X& x, const Y& y, Penalty& penalty, const Loss& loss, Validate& validate) {
    const detail::Stopwatch watch;
    TrainingReport report;
    if (ended_) {
      begin_ = epoch_;
      best_ = {};
    }
    ended_ = false;
    end_ = begin_ + options_.epochs;
    current_.reset();
    while (epoch_ < end_) {
      if (out_of_patience()) {  // where a run was stored before it ended
        report.stop = StopReason::converged;
        break;
      }
      const Index epoch = epoch_ - begin_;
      if (options_.temperature_schedule) set_temperature(*network_, options_.temperature_schedule(epoch));
      if (options_.learning_rate_schedule) {
        optimizer_.set_rate_factor(static_cast<Scalar>(options_.learning_rate_schedule(epoch)));
      }
      order_samples(x.rows());
      StepReport now;
      if (!one_epoch(x, y, penalty, loss, now, report)) {
        report.stop = StopReason::not_finite;
        break;
      }
      ++epoch_;
      const Score validation = validate();
      now.step = epoch_;
      now.steps = end_;
      now.stage = "epochs";
      now.expected_l0 = expected_l0(std::as_const(*network_));
      now.lambda = detail::price_of(penalty);
      now.temperature = detail::temperature_of(std::as_const(*network_));
      now.seconds = watch.seconds();
      now.validation_loss = validation.loss;
      now.validation_error = validation.error;
      report.loss = now.loss;
      report.expected_l0 = now.expected_l0;
      report.lambda = now.lambda;
      report.seconds = now.seconds;
      if (options_.patience > 0) {
        best_.epochs_since = validation.loss < best_.loss ? 0 : best_.epochs_since + 1;
        if (best_.epochs_since == 0) {
          best_.loss = validation.loss;
          best_.network ? void(*best_.network = *network_) : void(best_.network.emplace(*network_));
        }
      }
      if (options_.callback(now) == Flow::stop) {
        report.stop = StopReason::callback;
        break;
      }
      if (out_of_patience()) {
        report.stop = StopReason::converged;
        break;
      }
    }
    ended_ = report.stop == StopReason::converged || report.stop == StopReason::completed;
    if (best_.network) {
      current_.emplace(*network_);
      *network_ = *best_.network;
    }
    return report;
  }

  bool out_of_patience() const { return options_.patience > 0 && best_.epochs_since >= options_.patience; }

  /// Generator number `number` of two kinds.
  Rng numbered(std::uint64_t number, std::uint64_t kind) const {
    return Rng(options_.seed ^ (0x9E3779B97F4A7C15U * (2 * number + kind + 1)));
  }

  /// The samples in the order of this epoch.
  void order_samples(Index samples) {
    order_.resize(static_cast<std::size_t>(samples));
    std::iota(order_.begin(), order_.end(), Index{0});
    if (!options_.shuffle) return;
    // By hand: std::shuffle differs between standard libraries.
    Rng rng = numbered(static_cast<std::uint64_t>(epoch_), 0);
    for (std::size_t k = order_.size(); k > 1; --k)
      std::swap(order_[k - 1], order_[static_cast<std::size_t>(rng() % k)]);
  }

  /// False where the loss or a gradient is not finite: no step is taken then.
  template <class X, class Y, class Penalty, class Loss>
  bool one_epoch(const X& x, const Y& y, Penalty& penalty, const Loss& loss, StepReport& now, TrainingReport& report) {
    Target<Y> target;
    detail::Batches<Scalar, X> batches(x, order_, options_.batch_size, gathered_);
    const auto samples = static_cast<Index>(order_.size());
    for (Index first = 0; first < samples; first += options_.batch_size) {
      const Index count = std::min(options_.batch_size, samples - first);
      detail::take_rows(y.derived(), order_, first, count, target);
      optimizer_.zero_grad();
      const double value = [&] {
        if constexpr (detail::is_sparse<X>) {
          if (!change_) {
            batches.take(first, count, sparse_batch_);
            return forward_and_back(sparse_batch_, target, loss);
          }
        }
        batches.take(first, count, batch_);
        if (change_) {
          Rng rng = numbered(static_cast<std::uint64_t>(optimizer_.steps()), 1);
          change_(batch_, rng);
        }
        return forward_and_back(batch_, target, loss);
      }();
      const auto priced = static_cast<double>(penalty.accumulate(*network_));
      const double norm = optimizer_.gradient_norm();
      if (!std::isfinite(value + priced + norm) || !gradient_.allFinite()) return false;
      if (options_.clip_norm > 0 && norm > options_.clip_norm) {
        optimizer_.scale_gradients(static_cast<Scalar>(options_.clip_norm / norm));
      }
      optimizer_.step();
      ++report.steps;
      const double share = static_cast<double>(count) / static_cast<double>(samples);
      now.loss += value * share;
      now.objective += (value + priced) * share;
    }
    return true;
  }

  template <class Batch, class T, class Loss>
  double forward_and_back(const Batch& batch, const T& target, const Loss& loss) {
    const auto value = static_cast<double>(loss(network_->forward(batch, noise_), target, gradient_));
    network_->backward(gradient_);
    return value;
  }

  Network* network_;
  TrainerOptions options_;
  Rng noise_;
  Optimizer optimizer_;
  Index epoch_ = 0;
  Index begin_ = 0;  // where the last fit began
  Index end_ = 0;    // and where it ends
  Best best_;
  std::optional<Network> current_;
  bool ended_ = false;  // the last fit came to its end
  std::vector<Index> order_;
  std::function<void(Matrix<Scalar>&, Rng&)> change_;
  Vector<Scalar> gathered_;
  Matrix<Scalar> batch_;
  Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int> sparse_batch_;
  Matrix<Scalar> gradient_;
};

/// With Adam.
template <class Network>
Trainer(Network&, TrainerOptions) -> Trainer<Network, AdamRule<typename Network::Scalar>>;
/// With Adam.
template <class Network, class Scalar>
Trainer(Network&, AdamOptions<Scalar>, TrainerOptions) -> Trainer<Network, AdamRule<Scalar>>;
/// With SGD.
template <class Network, class Scalar>
Trainer(Network&, SGDOptions<Scalar>, TrainerOptions) -> Trainer<Network, SgdRule<Scalar>>;

}  // namespace l0
