// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/core/error.hpp>
#include <l0/gates/hard_concrete.hpp>

namespace l0 {

/// What a factorization minimises, a mean over the observed entries.
enum class FactorizationLoss {
  squared,   ///< (r − û)²
  logistic,  ///< log(1 + e^û) − r û for r = 0 or 1; û is the log odds
  implicit,  ///< (1 − û)² of weight 1 + `confidence` · r for a count r > 0, and û² for every cell of R without one
             ///< (Hu, Koren & Volinsky, ICDM 2008, eq. 3); û is a preference
};

/// Who has a gate in a factorization.
enum class FactorGates {
  per_factor,  ///< one for each column pair of U and V: the rank is chosen
  per_entry,   ///< one for each entry of U and of V: few entries are kept, and can be read
};

/// Options of `MatrixFactorization`. How sparse the model is, is said by a price (`lambda_l0`), by a budget
/// (`target_rank`), or by neither: then a part of the entries, held out while the others are fitted, chooses.
struct FactorizationOptions {
  Index max_rank = 20;                 ///< no more factors than that, ≥ 0
  std::optional<double> lambda_l0{};   ///< price of one open gate on the mean loss, ≥ 0
  std::optional<Index> target_rank{};  ///< exactly so many factors, fewer only where the entries cannot tell so many
  std::optional<double> lambda_l2{};  ///< price of ‖U‖² + ‖V‖² on the mean loss, ≥ 0; empty: held-out entries choose
  FactorizationLoss loss = FactorizationLoss::squared;  ///< what an error costs
  FactorGates gates = FactorGates::per_factor;          ///< what shares a gate
  bool fit_mean = true;                                 ///< a constant for all entries
  bool biases = true;            ///< a constant for each row and each column of R; neither is gated
  double bias_prior = 1;         ///< a bias is drawn to 0 as by so many entries, ≥ 0
  double held_out = 0.1;         ///< share of the entries held out for choices, in (0, 1)
  bool refit = true;             ///< the chosen factors or entries are fitted again, to all entries and without gates
  Index epochs = 200;            ///< passes over the entries in the whole run, those of all choices too, at most
  double tolerance = 1e-6;       ///< a stage ends when a pass lowers the objective by a smaller share of it
  double temperature = 2.0 / 3;  ///< β of the gates
  double gamma = -0.1;           ///< γ < 0
  double zeta = 1.1;             ///< ζ > 1
  std::uint64_t seed = 0;        ///< of starting factors and of held-out entries
  int threads = 1;               ///< results do not depend on it
  AnyCallback callback{};        ///< after every pass; may stop the run
  double confidence = 40;        ///< α ≥ 0 of `FactorizationLoss::implicit`
  bool clamp = false;            ///< predictions stay between the least and the greatest entry that was fitted
};

/// How well a rank did on the held-out entries.
struct RankPoint {
  Index rank = 0;             ///< factors
  double train_loss = 0;      ///< mean loss of the entries fitted
  double held_out_loss = 0;   ///< mean loss of the entries held out
  double standard_error = 0;  ///< of the difference to the rank with the least loss
};

/// How a fit of a factorization went.
struct FactorizationReport {
  StopReason stop = StopReason::converged;  ///< why the run ended
  Index epochs = 0;                         ///< passes over the entries, all stages and choices
  Index rank = 0;                           ///< factors kept
  Index entries = 0;                        ///< observed entries of R
  double weight = 0;               ///< of all that counts, by which means are taken: without weights, `entries`
  double loss = 0;                 ///< mean loss of all entries at the end
  double objective = 0;            ///< loss + λ₂(‖U‖² + ‖V‖²) + the prior of the biases + λ · open gates
  double expected_l0 = 0;          ///< open gates
  double lambda = 0;               ///< price of a gate: as given, or what the weakest factor is worth
  double lambda_l2 = 0;            ///< as given or chosen
  double seconds = 0;              ///< by the clock
  std::vector<RankPoint> ranks{};  ///< where held-out entries chose: every rank they saw, at the chosen λ₂
  std::vector<std::string> notes{};  ///< what deserves a look

  /// Whether the run ended by itself.
  bool converged() const { return stop == StopReason::converged; }
};

namespace detail {

inline void validate(const FactorizationOptions& options) {
  require(options.max_rank >= 0, "max_rank", options.max_rank, "a number >= 0");
  if (options.lambda_l0) require_non_negative("lambda_l0", *options.lambda_l0);
  if (options.lambda_l2) require_non_negative("lambda_l2", *options.lambda_l2);
  if (options.target_rank) {
    if (*options.target_rank < 0 || *options.target_rank > options.max_rank) {
      fail("target_rank", to_text(*options.target_rank), "a number from 0 to max_rank = " + to_text(options.max_rank));
    }
    if (options.lambda_l0 && options.gates == FactorGates::per_factor) {
      fail("lambda_l0", "given together with target_rank", "one of the two");
    }
  }
  require_non_negative("bias_prior", options.bias_prior);
  require(options.held_out > 0 && options.held_out < 1, "held_out", options.held_out, "a share in (0, 1)");
  require(options.epochs >= 1, "epochs", options.epochs, "a number >= 1");
  require_non_negative("confidence", options.confidence);
  require_non_negative("tolerance", options.tolerance);
  require(options.threads >= 1, "threads", options.threads, "a number >= 1");
  HardConcrete<double>{options.temperature, options.gamma, options.zeta}.validate();
}

}  // namespace detail
}  // namespace l0
