// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Everything in l0 that needs Eigen alone. Doors of their own: <l0/training/progress.hpp>, the record of a run
/// <l0/io/tracker.hpp>, reports as text and JSON <l0/io/report.hpp>, and the readers and writers of files,
/// <l0/io/csv.hpp>, <l0/io/matrix_market.hpp>, <l0/io/idx.hpp>, <l0/io/safetensors.hpp>, <l0/io/network.hpp>, columns
/// of categories <l0/io/features.hpp>, stored estimators <l0/io/model.hpp>, tables of coefficients
/// <l0/io/coefficients.hpp>, paths as tables and pictures <l0/io/path.hpp>; all of io by <l0/io/io.hpp>.

#include <l0/annealing/schedules.hpp>
#include <l0/calibration/calibration.hpp>
#include <l0/core/error.hpp>
#include <l0/core/parameter.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/types.hpp>
#include <l0/core/visit.hpp>
#include <l0/factorization/matrix_factorization.hpp>
#include <l0/factorization/objective.hpp>
#include <l0/factorization/ranking.hpp>
#include <l0/gates/gate.hpp>
#include <l0/gates/gated.hpp>
#include <l0/gates/gaussian.hpp>
#include <l0/gates/grouping.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/layers/activations.hpp>
#include <l0/layers/batch_norm.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/dropout.hpp>
#include <l0/layers/embedding.hpp>
#include <l0/layers/layer_norm.hpp>
#include <l0/layers/linear.hpp>
#include <l0/layers/pooling.hpp>
#include <l0/layers/soft_tree.hpp>
#include <l0/losses/losses.hpp>
#include <l0/networks/check_layer.hpp>
#include <l0/networks/network.hpp>
#include <l0/networks/residual.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/networks/sparse_mlp.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/check_gradient.hpp>
#include <l0/optimizers/lbfgs.hpp>
#include <l0/optimizers/sgd.hpp>
#include <l0/penalties/budget.hpp>
#include <l0/penalties/cost.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/penalties/weight_penalty.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/pruning/report.hpp>
#include <l0/random/noise.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/regression.hpp>
#include <l0/selection/coverage.hpp>
#include <l0/selection/feature_gate.hpp>
#include <l0/selection/hybrid_gate.hpp>
#include <l0/selection/sample_gate.hpp>
#include <l0/training/evaluate.hpp>
#include <l0/training/minimize.hpp>
#include <l0/training/trainer.hpp>
#include <l0/trees/soft_tree_boosting.hpp>
#include <l0/version.hpp>
