// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// training/: the two loops that the library brings along.
///
///     Trainer: a network and data                       minimize: a function f(w, gradient) and w0
///       ▼ per epoch: β, rate, a new order of samples      ▼ per step: β, then f at w∘z
///       ▼ per batch: forward, loss, backward              ▼ gradients of w and log α
///       ▼ penalty.accumulate(network)                     ▼ price: fixed, or by BudgetPrice
///       ▼ Adam, if all is finite                          ▼ Adam
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
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/objective.hpp>
#include <l0/penalties/penalty.hpp>

namespace l0 {

/// Options of `Trainer`.
struct TrainerOptions {
  Index epochs = 10;              ///< passes over the data, ≥ 0
  Index batch_size = 100;         ///< samples per step, ≥ 1; the last batch of an epoch may be smaller
  std::uint64_t seed = 0;         ///< of the gates' noise and of the order of the samples
  bool shuffle = true;            ///< a new order in every epoch
  double learning_rate = 1e-3;    ///< of Adam, > 0
  double gate_learning_rate = 0;  ///< of the gates; 0: the same
  std::function<double(Index epoch)> learning_rate_schedule{};  ///< factor on both rates in epoch 0, 1, ...
  std::function<double(Index epoch)> temperature_schedule{};    ///< β of all gates in epoch 0, 1, ...
  Index patience = 0;      ///< stop after so many epochs without a smaller validation loss, and take the best; 0: never
  AnyCallback callback{};  ///< called after every epoch, with `step` the number of epochs done
};

/// Whether labels or numbers: the loss that a trainer takes unless told otherwise, cross entropy for integer labels,
/// mean squared error for numbers.
struct DefaultLoss {
  /// The loss; its gradient by the prediction goes into `gradient`.
  template <class P, class T>
  typename P::Scalar operator()(const Eigen::DenseBase<P>& prediction, const Eigen::DenseBase<T>& target,
                                Matrix<typename P::Scalar>& gradient) const {
    if constexpr (std::integral<typename T::Scalar>) {
      return cross_entropy_loss(prediction, target, gradient);
    } else {
      return mse_loss(prediction, target, gradient);
    }
  }
};

/// Mean loss of a model on data, and the share of samples whose largest output is not their label (NaN without labels).
struct Score {
  double loss = 0;                                          ///< mean over the samples
  double error = std::numeric_limits<double>::quiet_NaN();  ///< share of wrong labels; NaN where there are none
};

namespace detail {

/// Some rows of X as a dense matrix.
template <class X, class Scalar>
void take_rows(const X& x, const std::vector<Index>& rows, Matrix<Scalar>& batch) {
  batch.resize(static_cast<Index>(rows.size()), x.cols());
  if constexpr (is_sparse<X>) {
    static_assert(X::IsRowMajor);
    batch.setZero();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (typename X::InnerIterator entry(x, rows[i]); entry; ++entry) {
        batch(static_cast<Index>(i), entry.col()) = entry.value();
      }
    }
  } else {
    for (Index j = 0; j < x.cols(); ++j) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        batch(static_cast<Index>(i), j) = static_cast<Scalar>(x.coeff(rows[i], j));
    }
  }
}

}  // namespace detail

/// Mean loss and share of wrong labels of `predict` on data, a thousand samples at a time.
template <class Model, class X, class Y, class Loss = DefaultLoss>
Score evaluate(const Model& model, const X& x, const Eigen::DenseBase<Y>& y, const Loss& loss = {}) {
  using Scalar = typename Model::Scalar;
  detail::require_shape("y", y.rows(), y.cols(), x.rows(), y.cols());
  constexpr Index at_once = 1000;
  Matrix<Scalar> gradient;
  double total = 0;
  Index wrong = 0;
  for (Index first = 0; first < x.rows(); first += at_once) {
    const Index count = std::min(at_once, x.rows() - first);
    const Matrix<Scalar> prediction =
        model.predict(Matrix<Scalar>(detail::as_matrix(x).middleRows(first, count).template cast<Scalar>()));
    const auto target = detail::as_matrix(y).middleRows(first, count);
    total += static_cast<double>(loss(prediction, target, gradient)) * static_cast<double>(count);
    if constexpr (std::integral<typename Y::Scalar>) {
      for (Index i = 0; i < count; ++i) {
        Index label = 0;
        prediction.row(i).maxCoeff(&label);
        wrong += label == static_cast<Index>(target(i, 0)) ? 0 : 1;
      }
    }
  }
  const double share = x.rows() == 0 ? 0 : 1 / static_cast<double>(x.rows());
  Score result{total * share};
  if constexpr (std::integral<typename Y::Scalar>) result.error = static_cast<double>(wrong) * share;
  return result;
}

/// Trains a network on minibatches with Adam.
///
///     l0::Trainer trainer(net, {.epochs = 20, .seed = 1});
///     const auto report = trainer.fit(X, labels, l0::L0Penalty<float>{.lambda = 1e-5F});
///
/// `fit` goes on from epoch `epoch()` to `options.epochs`. The order of the samples depends on the seed and the number
/// of the epoch alone, and the noise on the seed and what the gates have drawn: a run that was stored (see
/// `save_checkpoint` of io/network.hpp) and resumed gives the same bits as one that was not. The network must stay
/// where it is.
template <class Network>
class Trainer {
 public:
  using Scalar = typename Network::Scalar;  ///< float or double

  /// Throws `Error` for options outside their ranges.
  explicit Trainer(Network& network, TrainerOptions options = {})
      : network_(&network), options_(checked(std::move(options))), noise_(options_.seed),
        optimizer_(network.parameters(), {.learning_rate = static_cast<Scalar>(options_.learning_rate),
                                          .gate_learning_rate = static_cast<Scalar>(options_.gate_learning_rate)}) {}

  /// Not for a const network, nor for one that is gone at the end of the line; the compiler says so.
  template <class Given = Network>
  explicit Trainer(const Network& network, TrainerOptions options = {})
      : Trainer(const_cast<Network&>(network), std::move(options)) {
    static_assert(!std::is_class_v<Given>, "l0: a Trainer changes its network, which must be a variable and not const");
  }

  /// The options, as given.
  const TrainerOptions& options() const { return options_; }
  /// The optimizer, with its state.
  Adam<Scalar>& optimizer() { return optimizer_; }

  /// Epochs done.
  Index epoch() const { return epoch_; }
  /// The number of the next epoch, to resume a run.
  void set_epoch(Index epoch) {
    detail::require_size("epoch", epoch);
    epoch_ = epoch;
  }

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
    goes_on_ = true;
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
          x, y, penalty, loss, [] { return Score{}; }, false);
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

  static TrainerOptions checked(TrainerOptions options) {
    detail::require_size("epochs", options.epochs);
    detail::require(options.batch_size >= 1, "batch_size", options.batch_size, "a number of samples >= 1");
    detail::require_positive("learning_rate", options.learning_rate);
    detail::require_non_negative("gate_learning_rate", options.gate_learning_rate);
    detail::require_size("patience", options.patience);
    return options;
  }

  template <class X, class Y, class Penalty, class Loss, class Validate>
  TrainingReport run(const X& x, const Y& y, Penalty& penalty, const Loss& loss, Validate&& validate,
                     bool has_validation) {
    detail::check_batch(x, network_->inputs());
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), y.cols());
    detail::require(has_validation || options_.patience == 0, "patience", options_.patience,
                    "0 without validation data");
    if constexpr (std::integral<typename Y::Scalar>) require_labels(y);
    if constexpr (detail::is_sparse<X> && !X::IsRowMajor) {
      const Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int> rows(x.template cast<Scalar>());
      return epochs(rows, y, penalty, loss, validate);
    } else {
      return epochs(x, y, penalty, loss, validate);
    }
  }

  template <class Y>
  void require_labels(const Y& y) const {
    const Index classes = network_->outputs();
    for (Index i = 0; classes >= 0 && i < y.rows(); ++i) {
      const auto label = static_cast<Index>(y.derived().coeff(i, 0));
      if (label < 0 || label >= classes) {
        detail::fail("label " + detail::to_text(i), detail::to_text(label),
                     "a class in [0, " + detail::to_text(classes) + ")");
      }
    }
  }

  template <class X, class Y, class Penalty, class Loss, class Validate>
  TrainingReport epochs(const X& x, const Y& y, Penalty& penalty, const Loss& loss, Validate& validate) {
    const detail::Stopwatch watch;
    TrainingReport report;
    if (!std::exchange(goes_on_, false)) best_ = {};
    while (epoch_ < options_.epochs) {
      if (out_of_patience()) {  // where a run was stored before it ended
        report.stop = StopReason::converged;
        break;
      }
      if (options_.temperature_schedule) {
        network_->set_temperature(static_cast<Scalar>(options_.temperature_schedule(epoch_)));
      }
      const double factor = options_.learning_rate_schedule ? options_.learning_rate_schedule(epoch_) : 1.0;
      if (factor > 0) {
        optimizer_.set_learning_rate(static_cast<Scalar>(factor * options_.learning_rate),
                                     static_cast<Scalar>(factor * options_.gate_learning_rate));
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
      now.steps = options_.epochs;
      now.stage = "epochs";
      now.expected_l0 = static_cast<double>(network_->l0_penalty());
      now.seconds = watch.seconds();
      now.validation_loss = validation.loss;
      now.validation_error = validation.error;
      report.loss = now.loss;
      report.expected_l0 = now.expected_l0;
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
    if (best_.network) *network_ = *best_.network;
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

  /// False where the loss or its gradient is not finite: no step is taken then.
  template <class X, class Y, class Penalty, class Loss>
  bool one_epoch(const X& x, const Y& y, Penalty& penalty, const Loss& loss, StepReport& now, TrainingReport& report) {
    Target<Y> target;
    const auto samples = static_cast<Index>(order_.size());
    for (Index first = 0; first < samples; first += options_.batch_size) {
      const Index count = std::min(options_.batch_size, samples - first);
      rows_.assign(order_.begin() + first, order_.begin() + first + count);
      detail::take_rows(x, rows_, batch_);
      detail::take_rows(y.derived(), rows_, target);
      if (change_) {
        Rng rng = numbered(static_cast<std::uint64_t>(optimizer_.steps()), 1);
        change_(batch_, rng);
      }
      optimizer_.zero_grad();
      const auto value = static_cast<double>(loss(network_->forward(batch_, noise_), target, gradient_));
      network_->backward(gradient_);
      const auto priced = static_cast<double>(penalty.accumulate(*network_));
      if (!std::isfinite(value + priced) || !gradient_.allFinite()) return false;
      optimizer_.step();
      ++report.steps;
      const double share = static_cast<double>(count) / static_cast<double>(samples);
      now.loss += value * share;
      now.objective += (value + priced) * share;
    }
    return true;
  }

  Network* network_;
  TrainerOptions options_;
  Rng noise_;
  Adam<Scalar> optimizer_;
  Index epoch_ = 0;
  Best best_;
  bool goes_on_ = false;  // with a best network that was given
  std::vector<Index> order_;
  std::vector<Index> rows_;
  std::function<void(Matrix<Scalar>&, Rng&)> change_;
  Matrix<Scalar> batch_;
  Matrix<Scalar> gradient_;
};

}  // namespace l0
