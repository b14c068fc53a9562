// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// calibration/: few records of many, with weights, so that weighted sums meet targets.
///
///     options, task          loss: terms ω e² or ω min(|e|, cap), one per target and aggregate, checked and scaled
///     M                      compact_matrix: the one working copy, by records, in few bytes per entry and in an order
///       │                      that is drawn from what the records contain: no part of a file is preferred
///       ▼                    start: weights and log α of every record, from starting weights and keep probabilities
///     coordinate_calibration   a budget: inclusion draws records that stand for all, coordinate_exchange exchanges
///       │                      them; a price: record after record to the minimum in expectation over the gates.
///       │                      Below both coordinate_problem (the loss as squares), _records, _sweep (the kernel)
///     gradient_calibration     or all records at once by Adam: expected_loss, record_kernels; hands its choice over
///       ▼
///     coordinate_refit       dual_newton (with sparse_ldl) on the dual of the chosen records: targets met, weights
///       │                      nearest to their references; where they can't be met, sweeps with the loss itself
///       ▼
///     weights, log α, report   diagnostics: how weights are spread, how far each group of targets is met
///
/// column_sums forms M w for workers in an order that does not depend on their number. run_control reports passes to
/// the callback and hands out states; state holds all that a run needs to go on to the same bits.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/calibration/diagnostics.hpp>
#include <l0/calibration/gradient_calibration.hpp>
#include <l0/calibration/variance.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/compiled.hpp>

namespace l0 {

/// Chooses few records and positive weights for them so that the weighted sums meet targets: minimises
///
///     loss(M w) + λ ‖w‖₀,  or  loss(M w)  subject to  ‖w‖₀ = k,   w ≥ 0,
///
/// for M (targets × records, sparse), targets t and starting weights w₀.
///
///     l0::SparseCalibrationWeights<float> cal(n_records, {.max_records = 5000});   // or .lambda_l0
///     auto report = cal.fit(M, targets, {.loss = l0::CalibrationLoss::relative, .target_groups = groups});
///     cal.weights();  cal.active_records();  cal.predict(M);
///
/// A record with starting weight 0 is out. One without entries in M can match nothing: it goes first, or keeps its
/// starting weight where nothing is chosen. A target that no record contributes to is named in the report. Duplicate
/// entries of M are summed. Two fits of the same data have the same bits, whatever `threads`; the order of the records
/// means nothing: permuted, they get the same weights to the bit (of twins, any may be kept).
template <std::floating_point Scalar_>
class SparseCalibrationWeights {
 public:
  using Scalar = Scalar_;  ///< float or double

  /// Throws `Error` for options outside their ranges.
  explicit SparseCalibrationWeights(Index n_records, CalibrationOptions options = {})
      : options_(std::move(options)), start_(detail::calibration_start(n_records, options_)),
        log_alpha_(start_.log_alpha), weights_(n_records) {
    for (Index j = 0; j < n_records; ++j) weights_(j) = static_cast<Scalar>(start_.weight[static_cast<std::size_t>(j)]);
    list_active();
  }

  /// The options, as given.
  const CalibrationOptions& options() const { return options_; }
  /// How many records there are, closed ones too.
  Index records() const { return weights_.size(); }
  /// Whether there was a successful fit.
  bool is_fitted() const { return fitted_; }

  /// Fits the weights; always from the starting weights, or from `task.resume`. Throws `Error` for wrong shapes, values
  /// that are not finite, targets that the loss cannot take, and impossible tasks; the weights are then as they were.
  template <class M, class T>
  CalibrationReport fit(const Eigen::EigenBase<M>& m, const Eigen::DenseBase<T>& targets,
                        const CalibrationTask& task = {}) {
    detail::require_shape("targets", targets.rows(), targets.cols(), m.rows(), 1);
    detail::require_shape("M", m.rows(), m.cols(), targets.rows(), records());
    require_task(task);
    if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<M>, M>) {
      return fit_terms(detail::as_matrix(m), targets, task);
    } else {
      return fit_terms(detail::as_matrix(m).sparseView(), targets, task);
    }
  }

  /// One weight per record, exactly 0 for those not kept; before a fit the starting weights.
  const Vector<Scalar>& weights() const { return weights_; }
  /// The records with a weight > 0, ascending.
  const std::vector<Index>& active_records() const { return active_; }
  /// log α of every record's gate; before a fit that of its keep probability.
  const std::vector<double>& log_alpha() const { return log_alpha_; }
  /// Share of records without a weight.
  double sparsity() const {
    return records() == 0 ? 0 : 1 - static_cast<double>(active_.size()) / static_cast<double>(records());
  }
  /// How the weights are spread.
  WeightDiagnostics diagnostics() const { return weight_diagnostics(weights_, start_.weight); }

  /// M w for the same records and any targets, M sparse or dense. Safe to call from several threads.
  template <class M>
  Vector<Scalar> predict(const Eigen::EigenBase<M>& m) const {
    detail::require_shape("M", m.rows(), m.cols(), m.rows(), records());
    return product(detail::as_matrix(m), weights_).template cast<Scalar>();
  }

  /// The estimated total Σ w y of a variable, one value per record.
  template <class Y>
  double total(const Eigen::DenseBase<Y>& y) const {
    detail::require_shape("y", y.rows(), y.cols(), records(), 1);
    return weights_.template cast<double>().dot(detail::as_matrix(y.derived()).template cast<double>());
  }

  /// Its standard error: linearised, with the records that are kept as draws of their own, from the residuals of y on
  /// the targets (`CalibratedSample`, which also takes strata and clusters), times √(k/(k − p)) for k records and p
  /// independent targets, which fit part of any y by chance. NaN where there are no more records than that. Throws
  /// `Error` before a fit.
  template <class Y>
  double standard_error(const Eigen::DenseBase<Y>& y) const {
    if (!fitted_) detail::fail("standard_error", "asked for before a fit", "a fit first");
    detail::require_shape("y", y.rows(), y.cols(), records(), 1);
    Vector<detail::Dependent<double, Y>> kept(static_cast<Index>(active_.size())), weight(kept.size());
    for (std::size_t c = 0; c < active_.size(); ++c) {
      kept(static_cast<Index>(c)) = static_cast<double>(y.derived()(active_[c]));
      weight(static_cast<Index>(c)) = static_cast<double>(weights_(active_[c]));
    }
    const CalibratedSample<detail::Dependent<double, Y>> sample(kept_matrix_, kept_reference_, weight);
    const auto count = static_cast<double>(active_.size());
    const double free = count - static_cast<double>(sample.independent_targets());
    return sample.total(kept).standard_error *
           (free > 0 ? std::sqrt(count / free) : std::numeric_limits<double>::quiet_NaN());
  }

 private:
  static void require_task(const CalibrationTask& task) {
    detail::require(task.checkpoint_every >= 0, "checkpoint_every", task.checkpoint_every, "a number >= 0");
  }

  /// M w in double, reading M where it is.
  template <class M, class W>
  static Vector<double> product(const M& m, const W& w) {
    Vector<double> result = Vector<double>::Zero(m.rows());
    if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<M>, M>) {
      for (Index outer = 0; outer < m.outerSize(); ++outer) {
        for (typename M::InnerIterator entry(m, outer); entry; ++entry) {
          result(entry.row()) += static_cast<double>(entry.value()) * static_cast<double>(w[entry.col()]);
        }
      }
    } else if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<M>, M>) {
      return product(Eigen::SparseMatrix<typename M::Scalar, Eigen::ColMajor, int>(m), w);
    } else {
      for (Index j = 0; j < m.cols(); ++j) {
        if (w[j] != 0) result += m.col(j).template cast<double>() * static_cast<double>(w[j]);
      }
    }
    return result;
  }

  /// Σ w₀ |m| of every row.
  std::vector<double> row_sizes(const detail::CompactMatrix<Scalar>& compact) const {
    std::vector<double> size(static_cast<std::size_t>(compact.rows()), 0.0);
    for (Index j = 0; j < compact.columns(); ++j) {
      const double w0 = start_.weight[static_cast<std::size_t>(compact.record(j))];
      compact.for_column(j, [&](Index row, Scalar value) {
        size[static_cast<std::size_t>(row)] += w0 * std::abs(static_cast<double>(value));
      });
    }
    return size;
  }

  template <class M, class T>
  CalibrationReport fit_terms(const M& m, const T& targets, const CalibrationTask& task) {
    detail::CompactMatrix<Scalar> compact(m, detail::record_keys(start_, options_.seed));
    const detail::CalibrationTerms terms(targets, task, row_sizes(compact));
    detail::RunControl control(task);
    CalibrationReport report;
    describe_reach(compact, terms, report);
    compact.scale_rows(terms.row_factors());
    if (options_.method == CalibrationMethod::gradient || options_.gates == GateMode::sampled) {
      train<detail::GradientCalibration<Scalar>>(compact, terms, task, control, report);
    } else {
      train<detail::CoordinateCalibration<Scalar>>(compact, terms, task, control, report);
    }
    keep_columns(m);
    report.predictions = product(m, weights_);
    detail::describe_errors(terms, task, product(m, start_.weight.data()), report);
    report.weights = diagnostics();
    report.seconds = control.seconds();
    return report;
  }

  /// The columns of M of the records that are kept: what standard errors need.
  template <class M>
  void keep_columns(const M& m) {
    std::vector<int> place(static_cast<std::size_t>(records()), -1);
    for (std::size_t c = 0; c < active_.size(); ++c) place[static_cast<std::size_t>(active_[c])] = static_cast<int>(c);
    std::vector<Eigen::Triplet<Scalar>> entries;
    const auto visit = [&](const auto& matrix) {
      using Matrix = std::decay_t<decltype(matrix)>;
      for (Index outer = 0; outer < matrix.outerSize(); ++outer) {
        for (typename Matrix::InnerIterator entry(matrix, outer); entry; ++entry) {
          const int c = place[static_cast<std::size_t>(entry.col())];
          if (c >= 0) entries.emplace_back(static_cast<int>(entry.row()), c, static_cast<Scalar>(entry.value()));
        }
      }
    };
    if constexpr (std::is_base_of_v<Eigen::SparseCompressedBase<M>, M>) {
      visit(m);
    } else {
      visit(Eigen::SparseMatrix<typename M::Scalar, Eigen::ColMajor, int>(m));
    }
    kept_matrix_.resize(m.rows(), static_cast<Index>(active_.size()));
    kept_matrix_.setFromTriplets(entries.begin(), entries.end());
  }

  /// What a solver finds, for `fit`.
  template <class Solver>
  void train(const detail::CompactMatrix<Scalar>& compact, const detail::CalibrationTerms& terms,
             const CalibrationTask& task, detail::RunControl& control, CalibrationReport& report);

  template <class Solver>
  void run(Solver& solver, const detail::CompactMatrix<Scalar>& compact, const detail::CalibrationTerms& terms,
           const CalibrationTask& task, detail::RunControl& control) const {
    const bool keeps_state = task.resume != nullptr || (task.checkpoint && task.checkpoint_every > 0);
    const std::uint64_t mark = keeps_state ? fingerprint(compact, terms, task) : 0;
    if (task.resume != nullptr) {
      detail::StateReader reader(*task.resume);
      std::uint64_t theirs = 0;
      Index passes = 0;
      reader(theirs);
      if (theirs != mark) detail::fail("resume", "the state of another run", "one with the same data and options");
      reader(passes);
      reader.require(passes >= 0 && passes <= std::numeric_limits<Index>::max() / 2);
      control.set_passes(passes);
      solver.archive(reader);
      reader.finish();
    }
    solver.run([&] {
      detail::StateWriter writer;
      writer(mark);
      writer(control.passes());
      solver.archive(writer);
      return std::move(writer).finish();
    });
  }

  /// A number that tells runs apart: all options and data that results depend on.
  std::uint64_t fingerprint(const detail::CompactMatrix<Scalar>& compact, const detail::CalibrationTerms& terms,
                            const CalibrationTask& task) const {
    detail::StateWriter writer;
    writer(sizeof(Scalar));
    writer(start_.weight);
    writer(start_.log_alpha);
    for (const double value :
         {options_.log_weight_jitter, options_.log_alpha_jitter, options_.lambda_l0.value_or(-1),
          options_.learning_rate, options_.gate_learning_rate, options_.temperature, options_.gamma, options_.zeta,
          options_.lambda_l2, options_.max_weight_ratio, options_.min_weight_ratio, options_.concentration,
          options_.total_weight.value_or(-1), task.cap}) {
      writer(value);
    }
    for (const Index value :
         {options_.max_records.value_or(-1), static_cast<Index>(options_.gates), static_cast<Index>(options_.method),
          options_.epochs, options_.refit_epochs, Index{options_.refit}, static_cast<Index>(options_.seed),
          static_cast<Index>(task.loss), static_cast<Index>(options_.distance)}) {
      writer(value);
    }
    for (Index j = 0; j < terms.size(); ++j) writer(terms[j]);
    for (Index j = 0; j < terms.targets(); ++j) {
      const auto of = terms.aggregates_of(j);
      writer(static_cast<Index>(of.last - of.first));
      for (const Index* a = of.first; a != of.last; ++a) writer(*a);
    }
    for (Index j = 0; j < compact.columns(); ++j) {
      double sum = 0;
      compact.for_column(
          j, [&](Index row, Scalar value) { sum += static_cast<double>(row + 1) * static_cast<double>(value); });
      writer(sum);
    }
    return detail::StateWriter::checksum(std::move(writer).finish().bytes());
  }

  template <class Report>  // a template, so that nothing of it is compiled before it is used
  static void describe_reach(const detail::CompactMatrix<Scalar>& compact, const detail::CalibrationTerms& terms,
                             Report& report) {
    std::vector<char> reached(static_cast<std::size_t>(compact.rows()), 0);
    for (Index j = 0; j < compact.columns(); ++j) {
      if (compact.column_entries(j) == 0) report.empty_records.push_back(compact.record(j));
      compact.for_column(j, [&](Index row, Scalar) { reached[static_cast<std::size_t>(row)] = 1; });
    }
    std::sort(report.empty_records.begin(), report.empty_records.end());
    for (Index j = 0; j < compact.rows(); ++j) {
      if (!reached[static_cast<std::size_t>(j)] && terms[j].target != 0) report.unreachable.push_back(j);
    }
    if (!report.unreachable.empty()) {
      report.notes.push_back(detail::to_text(report.unreachable.size()) + " targets have no record that contributes");
    }
    if (!report.empty_records.empty()) {
      report.notes.push_back(detail::to_text(report.empty_records.size()) + " records contribute to no target");
    }
  }

  void list_active() {
    active_.clear();
    for (Index j = 0; j < records(); ++j) {
      if (weights_(j) > 0) active_.push_back(j);
    }
  }

  CalibrationOptions options_;
  detail::CalibrationStart start_;
  std::vector<double> log_alpha_;
  Vector<Scalar> weights_;
  std::vector<Index> active_;
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> kept_matrix_;
  Vector<double> kept_reference_;
  bool fitted_ = false;
};

template <std::floating_point Scalar>
template <class Solver>
void SparseCalibrationWeights<Scalar>::train(const detail::CompactMatrix<Scalar>& compact,
                                             const detail::CalibrationTerms& terms, const CalibrationTask& task,
                                             detail::RunControl& control, CalibrationReport& report) {
  const detail::CalibrationStart start = detail::jittered_start(start_, compact, options_);
  Solver solver(compact, terms, options_, start, control);
  run(solver, compact, terms, task, control);
  const std::vector<double> log_alpha = solver.log_alpha();
  for (Index j = 0; j < records(); ++j) {
    weights_(compact.record(j)) = solver.weight()[static_cast<std::size_t>(j)];
    log_alpha_[static_cast<std::size_t>(compact.record(j))] = log_alpha[static_cast<std::size_t>(j)];
  }
  list_active();
  std::vector<double> reference(static_cast<std::size_t>(records()));
  for (Index j = 0; j < records(); ++j) {
    reference[static_cast<std::size_t>(compact.record(j))] = solver.reference()[static_cast<std::size_t>(j)];
  }
  kept_reference_.resize(static_cast<Index>(active_.size()));
  for (std::size_t c = 0; c < active_.size(); ++c) {
    kept_reference_(static_cast<Index>(c)) = reference[static_cast<std::size_t>(active_[c])];
  }
  fitted_ = true;
  solver.describe(report);
  if (std::abs(report.total_missed) > 1e-6 * options_.total_weight.value_or(0)) {
    report.notes.push_back("the weights of the records kept add up to " +
                           detail::to_text(*options_.total_weight - report.total_missed) + ", not to the " +
                           detail::to_text(*options_.total_weight) + " of total_weight");
  }
  report.stop = control.stop();
  report.steps = control.passes();
  report.lambda = solver.lambda();
  report.records = static_cast<Index>(active_.size());
  report.expected_l0 = static_cast<double>(solver.open());
}

#define L0_COMPILED_CALIBRATION(Scalar, Solver)                                                      \
  L0_COMPILED(void SparseCalibrationWeights<Scalar>::train<detail::Solver<Scalar>>(                  \
      const detail::CompactMatrix<Scalar>&, const detail::CalibrationTerms&, const CalibrationTask&, \
      detail::RunControl&, CalibrationReport&))

L0_COMPILED_CALIBRATION(float, CoordinateCalibration);
L0_COMPILED_CALIBRATION(float, GradientCalibration);
L0_COMPILED_CALIBRATION(double, CoordinateCalibration);
L0_COMPILED_CALIBRATION(double, GradientCalibration);

#undef L0_COMPILED_CALIBRATION

}  // namespace l0
