// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/calibration/column_sums.hpp>
#include <l0/calibration/loss.hpp>
#include <l0/calibration/record_kernels.hpp>
#include <l0/calibration/start.hpp>
#include <l0/random/noise.hpp>

namespace l0::detail {

/// The loss of weights w = exp θ · z as a function of θ and log α: at drawn gates, without gates, or in expectation
/// over them. With mean b = exp θ E z and q = exp 2θ Var z the expectation is
///
///     squared, relative:  Σ ω e(b)² + Σ_i q_i Σ_j κ_j M_ji²,   exact;
///     capped:             Σ ω E min(|e + s ξ|, cap), s_j² = Σ_i M_ji² q_i / scale_j², ξ ~ N(0, 1),   approximate
///
/// (of an aggregate, s² adds up the variances of its targets). The rows of M are scaled by `row_factors`.
template <class Scalar>
class ExpectedLoss {
 public:
  ExpectedLoss(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms, const CalibrationOptions& options,
               const CalibrationStart& start)
      : m_(&m), terms_(&terms), mode_(options.gates), rng_(options.seed), workers_(options.threads),
        formulas_(HardConcrete<Scalar>{static_cast<Scalar>(options.temperature), static_cast<Scalar>(options.gamma),
                                       static_cast<Scalar>(options.zeta)}
                      .formulas()),
        factor_(terms.row_factors()) {
    const auto padded = static_cast<std::size_t>((m.columns() + noise_block - 1) / noise_block * noise_block);
    for (auto* array : {&log_weight, &log_alpha, &ridge_, &highest, &curvature_, &mean_, &variance_, &gate_,
                        &gate_slope_, &spread_, &spread_slope_}) {
      array->assign(padded, Scalar(0));
    }
    alpha_limit.assign(noise_block, Scalar(log_alpha_limit));
    usable_.assign(padded, 0);
    const double total = static_cast<double>(std::max<Index>(m.columns(), 1));
    for (std::size_t j = 0; j < padded; ++j) {
      const bool usable = j < start.weight.size() && start.weight[j] > 0;
      usable_[j] = usable;
      log_alpha[j] = usable ? static_cast<Scalar>(start.log_alpha[j]) : Scalar(-log_alpha_limit);
      log_weight[j] = usable ? static_cast<Scalar>(std::log(start.jittered[j])) : Scalar(-60);
      highest[j] = Scalar(60);
      if (!usable) continue;
      const double w0 = start.weight[j];
      if (options.max_weight_ratio > 0) highest[j] = static_cast<Scalar>(std::log(options.max_weight_ratio * w0));
      log_weight[j] = std::min(log_weight[j], highest[j]);
      ridge_[j] = static_cast<Scalar>(options.lambda_l2 + options.concentration / (total * w0 * w0));
    }
    has_ridge_ = options.lambda_l2 > 0 || options.concentration > 0;
    if (options.total_weight) {
      total_inverse_ = 1 / *options.total_weight;
      total_kappa_ = 10;
    }
    HardConcrete<Double<Scalar>>{options.temperature, options.gamma, options.zeta}.moment_rule().for_nodes(
        [&](double position, double weight, double ratio) {
          for (const double value : {position, weight, ratio}) nodes_.push_back(static_cast<Scalar>(value));
        });
    fill_curvature();
    const auto size = static_cast<std::size_t>(terms.size());
    sums_.assign(size, 0.0);
    variances_.assign(size, 0.0);
    slope_.assign(has_pairs() ? 2 * size : size, Scalar(0));
  }

  Index records() const { return m_->columns(); }
  bool is_usable(Index j) const { return usable_[at(j)] != 0; }
  /// False for a closed record that an epoch without `look` passes over.
  bool is_looked_at(Index j, bool look) const {
    return mode_ != GateMode::noise_free || look || log_alpha[at(j)] > Scalar(closed_below);
  }

  /// Draws or evaluates the gates of this epoch and forms the sums of all targets.
  void forward(Index epoch) {
    sweep(epoch, true, [](Index, const Index*, Index) {});
    collect();
  }
  /// The same with given noise, one number per record.
  template <class Noise>
  void forward_with(const Noise& noise) {
    given_.assign(log_weight.size(), Scalar(0.5));
    for (Index j = 0; j < records(); ++j) given_[at(j)] = static_cast<Scalar>(noise[j]);
    forward(0);
  }

  /// The loss without prices on gates, and the slopes of its terms. Weights' own prices are included.
  double backward() {
    double value = 0;
    const bool pairs = has_pairs();
    std::vector<double>& by_sum = sum_slope_;
    by_sum.resize(sums_.size());
    by_variance_.resize(sums_.size());
    for (Index j = 0; j < terms_->size(); ++j) {
      const TermMoments moments = terms_->expectation(j, sums_[at(j)], pairs ? variances_[at(j)] : 0.0);
      value += moments.value;
      by_sum[at(j)] = moments.slope;
      by_variance_[at(j)] = moments.curvature;
    }
    for (Index j = 0; j < terms_->targets(); ++j) {
      const auto of = terms_->aggregates_of(j);
      for (const Index* a = of.first; a != of.last; ++a) {
        by_sum[at(j)] += by_sum[at(*a)];
        by_variance_[at(j)] += by_variance_[at(*a)];
      }
      const double factor = factor_[at(j)];
      const double inverse = factor > 0 || factor < 0 ? 1 / factor : 0;
      if (pairs) {
        slope_[2 * at(j)] = static_cast<Scalar>(by_sum[at(j)] * inverse);
        slope_[2 * at(j) + 1] = static_cast<Scalar>(by_variance_[at(j)] * inverse * inverse);
      } else {
        slope_[at(j)] = static_cast<Scalar>(by_sum[at(j)] * inverse);
      }
    }
    total_residual_ = total_mean_ * total_inverse_ - 1;
    return value + extra_ + total_kappa_ * total_residual_ * total_residual_;
  }

  /// Gradients block by block given to step(first, by_log_weight, by_log_alpha), which may change the parameters; then
  /// the sums for the next epoch. Closed records are passed over but for epochs with `look`.
  template <class Step>
  void pass(Index next_epoch, bool look, Scalar price, const Step& step) {
    sweep(next_epoch, look,
          [&](Index first, const Index* list, Index count) { differentiate(first, list, count, price, step); });
    collect();
  }

  /// Σ P(z ≠ 0) over the records that take part.
  double expected_open() const {
    double total = dispatch<PriceGates>(formulas_, log_alpha.data(), Scalar(0), static_cast<Scalar*>(nullptr),
                                        static_cast<Index>(log_alpha.size()));
    const auto closed = static_cast<double>(std::count(usable_.begin(), usable_.end(), char(0)));
    return total - closed * static_cast<double>(formulas_.active_probability(Scalar(-log_alpha_limit)));
  }

  /// dP(z ≠ 0)/dlog α of the records of a block.
  void probability_slopes(Index first, Scalar* slopes) const {
    dispatch<ActiveProbabilities>(formulas_, log_alpha.data() + first, slopes, noise_block);
    for (Index i = 0; i < noise_block; ++i) {
      slopes[i] = formulas_.active_probability_derivative(slopes[i], log_alpha[at(first + i)]);
    }
  }

  std::vector<Scalar> deterministic() const {
    std::vector<Scalar> gates(log_alpha.size(), Scalar(1));
    if (mode_ != GateMode::off) {
      dispatch<DeterministicGates>(formulas_, log_alpha.data(), gates.data(), static_cast<Index>(gates.size()));
    }
    for (std::size_t j = 0; j < gates.size(); ++j) {
      if (!usable_[j]) gates[j] = 0;
    }
    return gates;
  }

  /// h (exp θ P(z ≠ 0))² of every record, with h at the weights ω for the capped loss.
  std::vector<double> worth() const {
    std::vector<double> result(at(records()));
    for (Index j = 0; j < records(); ++j) {
      const double w = std::exp(static_cast<double>(log_weight[at(j)])) *
                       static_cast<double>(formulas_.active_probability(log_alpha[at(j)]));
      result[at(j)] = static_cast<double>(curvature_[at(j)]) * w * w;
    }
    return result;
  }

  template <class Archive>
  void archive(Archive& archive) {
    for (auto* array : {&log_weight, &log_alpha, &mean_, &variance_, &gate_, &gate_slope_, &spread_, &spread_slope_}) {
      archive(*array);
    }
    archive(sums_);
    archive(variances_);
    archive(total_mean_);
    archive(extra_);
  }

  // What the optimizer steps on, padded to whole blocks.
  std::vector<Scalar> log_weight, log_alpha, highest, alpha_limit;

 private:
  static constexpr double closed_below = -8;  // log α of a gate that is passed over, without noise
  static constexpr std::uint64_t noise_stream = 3;
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  /// Whether variances of sums are needed, target by target.
  bool has_pairs() const { return mode_ == GateMode::noise_free && terms_->loss() == CalibrationLoss::capped; }

  RecordArrays<Scalar> arrays() {
    return {log_weight.data(), log_alpha.data(), ridge_.data(),      highest.data(), curvature_.data(),   mean_.data(),
            variance_.data(),  gate_.data(),     gate_slope_.data(), spread_.data(), spread_slope_.data()};
  }

  /// Σ_j κ_j M_j² with the record's whole part in each aggregate.
  void fill_curvature() {
    const bool plain = terms_->is_uniform();
    std::vector<double> part(at(terms_->size()), 0.0);
    for (Index i = 0; i < records(); ++i) {
      double h = 0;
      m_->for_column(i, [&](Index j, Scalar value) {
        const auto v = static_cast<double>(value);
        h += plain ? v * v : (*terms_)[j].weight * v * v;
        const auto of = terms_->aggregates_of(j);
        for (const Index* a = of.first; a != of.last; ++a) part[at(*a)] += v / factor_[at(j)];
      });
      m_->for_column(i, [&](Index j, Scalar) {
        const auto of = terms_->aggregates_of(j);
        for (const Index* a = of.first; a != of.last; ++a) {
          const double e = part[at(*a)] / (*terms_)[*a].scale;
          h += (*terms_)[*a].weight * e * e;
          part[at(*a)] = 0;
        }
      });
      curvature_[at(i)] = static_cast<Scalar>(h);
    }
  }

  /// One way through all records in pieces of whole blocks: before(block, ...) on the old parameters, then the gates of
  /// the epoch and their part in the sums.
  template <class Before>
  void sweep(Index epoch, bool look, const Before& before) {
    const Index blocks = static_cast<Index>(log_weight.size()) / noise_block;
    const ColumnPieces pieces(blocks, 1);
    const std::size_t width = terms_width();
    partial_.resize(width * at(std::max<Index>(pieces.count(), 1)));
    piece_mean_.assign(at(std::max<Index>(pieces.count(), 1)), 0.0);
    piece_extra_.assign(piece_mean_.size(), 0.0);
    workers_.run(pieces.count(), [&](Index piece) {
      double* sums = partial_.data() + width * at(piece);
      std::fill(sums, sums + width, 0.0);
      for (Index b = 0; b < pieces.length(piece); ++b) {
        const Index first = (pieces.first(piece) + b) * noise_block;
        Index list[noise_block];
        Index count = list_block(first, look, list);
        before(first, list, count);
        evaluate(epoch, first);
        count = list_block(first, look, list);
        scatter(list, count, sums, piece);
        if (mode_ == GateMode::noise_free && !has_pairs()) {
          for (Index i = 0; i < noise_block; ++i) {
            piece_extra_[at(piece)] +=
                static_cast<double>(curvature_[at(first + i)]) * static_cast<double>(variance_[at(first + i)]);
          }
        }
        if (has_ridge_) {
          for (Index i = 0; i < noise_block; ++i) {
            const double s = std::exp(static_cast<double>(log_weight[at(first + i)]));
            piece_extra_[at(piece)] += static_cast<double>(ridge_[at(first + i)]) * s * s;
          }
        }
      }
    });
  }

  std::size_t terms_width() const { return at(terms_->targets()) * (has_pairs() ? 2 : 1); }

  /// The records of a block that are not closed.
  Index list_block(Index first, bool look, Index* list) const {
    Index count = 0;
    for (Index j = first; j < std::min(first + noise_block, records()); ++j) {
      bool open = usable_[at(j)] != 0;
      if (mode_ == GateMode::sampled) open = open && mean_[at(j)] != 0;
      open = open && is_looked_at(j, look);
      list[count] = j;
      count += open ? 1 : 0;
    }
    return count;
  }

  void evaluate(Index epoch, Index first) {
    const auto count = static_cast<Index>(nodes_.size() / 3);
    const ThreefryUniforms noise = rng_.uniforms({noise_stream, static_cast<std::uint64_t>(epoch), records(), 1});
    const Scalar* nodes = nodes_.data();
    switch (mode_) {
      case GateMode::off:
        dispatch<EvaluateRecords<GateMode::off>>(arrays(), formulas_, noise, nodes, count, first);
        break;
      case GateMode::sampled:
        if (given_.empty()) {
          dispatch<EvaluateRecords<GateMode::sampled>>(arrays(), formulas_, noise, nodes, count, first);
        } else {
          dispatch<EvaluateRecords<GateMode::sampled>>(arrays(), formulas_, StoredUniforms<Scalar>(given_.data()),
                                                       nodes, count, first);
        }
        break;
      case GateMode::noise_free:
        dispatch<EvaluateRecords<GateMode::noise_free>>(arrays(), formulas_, noise, nodes, count, first);
        break;
    }
  }

  void scatter(const Index* list, Index count, double* sums, Index piece) {
    Scalar values[2 * noise_block];
    if (has_pairs()) {
      for (Index c = 0; c < count; ++c) {
        values[2 * c] = mean_[at(list[c])];
        values[2 * c + 1] = variance_[at(list[c])];
      }
      m_->template scatter<true>(list, count, static_cast<const Scalar*>(values), sums);
    } else {
      for (Index c = 0; c < count; ++c) values[c] = mean_[at(list[c])];
      m_->scatter(list, count, static_cast<const Scalar*>(values), sums);
    }
    for (Index c = 0; c < count; ++c) piece_mean_[at(piece)] += static_cast<double>(mean_[at(list[c])]);
  }

  template <class Step>
  void differentiate(Index first, const Index* list, Index count, Scalar price, const Step& step) {
    Scalar gathered[2 * noise_block];
    Scalar by_mean[noise_block] = {};
    Scalar by_variance[noise_block] = {};
    Scalar by_log_weight[noise_block];
    Scalar by_log_alpha[noise_block];
    const auto of_total = static_cast<Scalar>(2 * total_kappa_ * total_residual_ * total_inverse_);
    if (has_pairs()) {
      m_->template gather<true>(list, count, static_cast<const Scalar*>(slope_.data()), gathered);
    } else {
      m_->gather(list, count, static_cast<const Scalar*>(slope_.data()), gathered);
    }
    for (Index c = 0; c < count; ++c) {
      const Index i = list[c] - first;
      by_mean[i] = gathered[has_pairs() ? 2 * c : c] + of_total;
      by_variance[i] = has_pairs() ? gathered[2 * c + 1] : curvature_[at(list[c])];
    }
    switch (mode_) {
      case GateMode::off:
        differentiate_as<GateMode::off>(price, by_mean, by_variance, by_log_weight, by_log_alpha, first);
        break;
      case GateMode::sampled:
        differentiate_as<GateMode::sampled>(price, by_mean, by_variance, by_log_weight, by_log_alpha, first);
        break;
      case GateMode::noise_free:
        differentiate_as<GateMode::noise_free>(price, by_mean, by_variance, by_log_weight, by_log_alpha, first);
        break;
    }
    step(first, static_cast<const Scalar*>(by_log_weight), static_cast<const Scalar*>(by_log_alpha));
  }

  template <GateMode mode>
  void differentiate_as(Scalar price, const Scalar* by_mean, const Scalar* by_variance, Scalar* by_log_weight,
                        Scalar* by_log_alpha, Index first) {
    dispatch<DifferentiateRecords<mode>>(arrays(), formulas_, price, by_mean, by_variance, by_log_weight, by_log_alpha,
                                         first);
  }

  /// Adds up the pieces in their order.
  void collect() {
    const std::size_t width = terms_width();
    for (std::size_t piece = 1; piece < piece_mean_.size(); ++piece) {
      for (std::size_t j = 0; j < width; ++j) partial_[j] += partial_[piece * width + j];
    }
    total_mean_ = 0;
    extra_ = 0;
    for (std::size_t piece = 0; piece < piece_mean_.size(); ++piece) {
      total_mean_ += piece_mean_[piece];
      extra_ += piece_extra_[piece];
    }
    const bool pairs = has_pairs();
    for (Index j = 0; j < terms_->targets(); ++j) {
      const double factor = factor_[at(j)];
      const double inverse = factor > 0 || factor < 0 ? 1 / factor : 0;
      sums_[at(j)] = (partial_.empty() ? 0.0 : partial_[pairs ? 2 * at(j) : at(j)]) * inverse;
      if (pairs) variances_[at(j)] = (partial_.empty() ? 0.0 : partial_[2 * at(j) + 1]) * inverse * inverse;
    }
    terms_->add_up(sums_);
    if (pairs) terms_->add_up(variances_);
  }

  const CompactMatrix<Scalar>* m_;
  const CalibrationTerms* terms_;
  GateMode mode_;
  Rng rng_;
  Workers workers_;
  HardConcreteFormulas<Scalar> formulas_;
  std::vector<double> factor_;
  std::vector<Scalar> nodes_;  // position, weight, ratio of each
  std::vector<Scalar> ridge_, curvature_, mean_, variance_, gate_, gate_slope_, spread_, spread_slope_, given_;
  std::vector<char> usable_;
  std::vector<double> sums_, variances_, sum_slope_, by_variance_, partial_, piece_mean_, piece_extra_;
  std::vector<Scalar> slope_;
  bool has_ridge_ = false;
  double total_inverse_ = 0;
  double total_kappa_ = 0;
  double total_mean_ = 0;
  double total_residual_ = 0;
  double extra_ = 0;  // prices of the weights, and the variances of squares
};

}  // namespace l0::detail
