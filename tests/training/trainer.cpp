// SPDX-License-Identifier: MIT
#include <l0/layers/batch_norm.hpp>
#include <l0/networks/sparse_mlp.hpp>
#include <l0/penalties/budget.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/training/trainer.hpp>

#include <cmath>
#include <filesystem>
#include <vector>

#include <l0/io/network.hpp>

#include "io/files.hpp"
#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::training::trainer {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::Matrix;
using Mlp = l0::SparseMLP<double, l0::PerInput>;

/// Counts the dense batches that it is given.
struct Watched : Mlp {
  using Mlp::Mlp;
  Index dense = 0;
  template <class B, class Noise>
  const Matrix<double>& forward(B&& batch, Noise&& noise) {
    if (!l0::detail::is_sparse<std::remove_cvref_t<B>>) ++dense;
    return Mlp::forward(std::forward<B>(batch), noise);
  }
};

/// Three classes that depend on the first two of twelve features.
struct Problem {
  Matrix<double> X = l0::test::fixed_numbers(300, 12, 1);
  Eigen::VectorXi y = Eigen::VectorXi(300);
  l0::L0Penalty<double> penalty{.lambda = 0.01};

  Problem() {
    for (Index i = 0; i < 300; ++i) y(i) = X(i, 0) > 0.2 ? 0 : X(i, 1) > 0 ? 1 : 2;
  }
  Mlp network() const {
    l0::Rng rng(3);
    return Mlp(12, 16, 3, rng);
  }
  l0::TrainerOptions options(Index epochs) const {
    return {.epochs = epochs, .batch_size = 32, .seed = 5, .learning_rate = 0.01};
  }
};

bool same(Mlp& a, Mlp& b) {
  const auto first = a.parameters();
  const auto second = b.parameters();
  for (std::size_t k = 0; k < first.size(); ++k) {
    if (first[k].values() != second[k].values()) return false;
  }
  return true;
}

}  // namespace

TEST_CASE_METHOD(Problem, "A trainer finds the features that matter") {
  Mlp net = network();
  l0::Trainer trainer(net, options(120));
  const auto report = trainer.fit(X, y, penalty);
  CHECK(report.stop == l0::StopReason::completed);
  CHECK(report.steps == 120 * 10);
  CHECK(trainer.epoch() == 120);
  CHECK(l0::evaluate(net, X, y).error < 0.1);
  const auto z = net.part<0>().gate().deterministic();
  CHECK(z.head(2).minCoeff() > 0);
  CHECK(z.tail(10).maxCoeff() == 0);
}

TEST_CASE_METHOD(Problem, "The same seed trains to the same bits, another to others") {
  Mlp first = network();
  Mlp second = network();
  Mlp third = network();
  l0::Trainer(first, options(3)).fit(X, y, penalty);
  l0::Trainer(second, options(3)).fit(X, y, penalty);
  auto other = options(3);
  other.seed = 6;
  l0::Trainer(third, other).fit(X, y, penalty);
  CHECK(same(first, second));
  CHECK_FALSE(same(first, third));
}

TEST_CASE_METHOD(Problem, "A run that was stored and resumed gives the same bits as one that was not") {
  const auto with_schedules = [&](Index epochs) {
    auto o = options(epochs);
    o.learning_rate_schedule = [](Index epoch) { return 1.0 / static_cast<double>(epoch + 1); };
    o.temperature_schedule = [](Index epoch) { return 0.7 - 0.05 * static_cast<double>(epoch); };
    return o;
  };
  Mlp whole = network();
  l0::Trainer(whole, with_schedules(7)).fit(X, y, penalty);

  const l0::test::TemporaryFile file;
  {
    Mlp net = network();
    l0::Trainer trainer(net, with_schedules(4));
    trainer.fit(X, y, penalty);
    l0::save_checkpoint(file.path(), net, trainer);
  }
  l0::Rng rng(99);
  Mlp resumed(12, 16, 3, rng);
  // Gates draw from the streams of their network: it is made as the first was.
  resumed = network();
  l0::Trainer trainer(resumed, with_schedules(7));
  l0::load_checkpoint(file.path(), resumed, trainer);
  CHECK(trainer.epoch() == 4);
  trainer.fit(X, y, penalty);
  CHECK(same(whole, resumed));

  Mlp other(12, 15, 3, rng);
  l0::Trainer other_trainer(other, options(7));
  const Matrix<double> before = other.part<0>().weight();
  CHECK_THROWS_AS(l0::load_checkpoint(file.path(), other, other_trainer), l0::Error);
  CHECK(other.part<0>().weight() == before);
  CHECK(other_trainer.epoch() == 0);
  l0::save_network(file.path(), other);
  CHECK_THROWS_WITH(l0::load_checkpoint(file.path(), other, other_trainer), ContainsSubstring("without trainer.epoch"));
}

TEST_CASE_METHOD(Problem, "A resumed run remembers its best network and its patience") {
  const l0::test::TemporaryFile file;
  auto o = options(200);
  o.learning_rate = 0.3;  // too much: the validation loss rises again
  o.patience = 3;
  Index last = 0;
  const auto run = [&](Mlp& net, Index stop_at, bool resume) {
    auto with_stop = o;
    l0::Trainer<Mlp>* running = nullptr;
    with_stop.callback = [&](const l0::StepReport& report) {
      last = report.step;
      if (report.step != stop_at) return l0::Flow::proceed;
      l0::save_checkpoint(file.path(), net, *running);
      return l0::Flow::stop;
    };
    l0::Trainer trainer(net, with_stop);
    running = &trainer;
    if (resume) l0::load_checkpoint(file.path(), net, trainer);
    return trainer.fit(X, y, penalty, X, y).stop;
  };
  Mlp whole = network();
  CHECK(run(whole, -1, false) == l0::StopReason::converged);
  const Index all = last;
  REQUIRE(all > 4);
  REQUIRE(all < 200);
  for (Index stop_at = all - 4; stop_at <= all; ++stop_at) {
    CAPTURE(stop_at, all);
    Mlp net = network();
    CHECK(run(net, stop_at, false) == l0::StopReason::callback);
    Mlp resumed = network();
    CHECK(run(resumed, -1, true) == l0::StopReason::converged);
    CHECK(last == all);
    CHECK(same(whole, resumed));
  }
}

TEST_CASE_METHOD(Problem, "Callbacks see every epoch and may stop") {
  std::vector<l0::StepReport> seen;
  auto o = options(10);
  o.callback = [&](const l0::StepReport& report) {
    seen.push_back(report);
    return report.step == 4 ? l0::Flow::stop : l0::Flow::proceed;
  };
  Mlp net = network();
  const auto report = l0::Trainer(net, o).fit(X, y, penalty, X, y);
  CHECK(report.stop == l0::StopReason::callback);
  REQUIRE(seen.size() == 4);
  CHECK((seen[3].step == 4 && seen[3].steps == 10 && seen[3].stage == "epochs"));
  CHECK(seen[3].loss < seen[0].loss);
  CHECK(seen[3].objective > seen[3].loss);
  CHECK(seen[3].validation_error == l0::evaluate(net, X, y).error);
  CHECK(seen[3].expected_l0 == net.l0_penalty());
}

TEST_CASE_METHOD(Problem, "Early stopping takes the best network") {
  const Matrix<double> X_validation = l0::test::fixed_numbers(60, 12, 2);
  const Eigen::VectorXi noise = y.head(60);  // labels that have nothing to do with it: nothing can be learned
  auto o = options(200);
  o.patience = 3;
  double best = 1e9;
  o.callback = [&](const l0::StepReport& report) { best = std::fmin(best, report.validation_loss); };
  Mlp net = network();
  l0::Trainer trainer(net, o);
  const auto report = trainer.fit(X, y, penalty, X_validation, noise);
  CHECK(report.stop == l0::StopReason::converged);
  CHECK(trainer.epoch() < 200);
  CHECK(l0::evaluate(net, X_validation, noise).loss == best);
}

TEST_CASE_METHOD(Problem, "Dense and sparse data train alike, numbers as targets too") {
  const Eigen::SparseMatrix<double> columns = X.sparseView();
  const Eigen::SparseMatrix<double, Eigen::RowMajor> rows = columns;
  Mlp first = network();
  Mlp second = network();
  Mlp third = network();
  Mlp fourth = network();
  l0::Trainer(fourth, options(2)).fit(X.array(), y.array(), penalty);
  l0::Trainer(first, options(2)).fit(X, y, penalty);
  l0::Trainer(second, options(2)).fit(columns, y, penalty);
  l0::Trainer(third, options(2)).fit(rows, y, penalty);
  CHECK(same(first, second));
  CHECK(same(first, third));
  CHECK(same(first, fourth));
  CHECK(l0::evaluate(first, X.array(), y.array()).error == l0::evaluate(first, X, y).error);
  const auto report = l0::Trainer(first, options(3)).fit(X, Matrix<double>(X.leftCols(3)), penalty);
  CHECK(report.loss < 0.5);
  CHECK(std::isnan(l0::evaluate(first, X, X.leftCols(3)).error));
}

TEST_CASE_METHOD(Problem, "Trainers refuse what does not fit before anything changes") {
  Mlp net = network();
  Mlp untouched = network();
  l0::Trainer trainer(net, options(2));
  CHECK_THROWS_WITH(trainer.fit(X.leftCols(5), y, penalty), ContainsSubstring("X is 300x5, expected 300x12"));
  CHECK_THROWS_WITH(trainer.fit(X, y.head(7), penalty), ContainsSubstring("y is 7x1, expected 300x1"));
  CHECK_THROWS_AS(trainer.fit(X, y, penalty, X.leftCols(3), y), l0::Error);
  CHECK_THROWS_AS(trainer.fit(X, y, penalty, X, y.head(3)), l0::Error);
  y(17) = 3;
  CHECK_THROWS_WITH(trainer.fit(X, y, penalty), ContainsSubstring("label 17 is 3, expected a class in [0, 3)"));
  y(17) = -1;
  CHECK_THROWS_AS(trainer.fit(X, y, penalty), l0::Error);
  CHECK(same(net, untouched));
  CHECK(trainer.epoch() == 0);
  for (const auto& wrong : std::vector<l0::TrainerOptions>{
           {.epochs = -1}, {.batch_size = 0}, {.learning_rate = 0}, {.gate_learning_rate = -1}, {.patience = -1}}) {
    CHECK_THROWS_AS(l0::Trainer(net, wrong), l0::Error);
  }
  l0::Trainer<Mlp>::Best best;
  best.epochs_since = -1;
  CHECK_THROWS_WITH(trainer.set_best(best), ContainsSubstring("epochs_since is -1"));
  l0::Trainer impatient(net, {.patience = 2});
  y(17) = 0;
  CHECK_THROWS_WITH(impatient.fit(X, y, penalty), ContainsSubstring("0 without validation data"));
}

TEST_CASE_METHOD(Problem, "A loss that is not finite ends the run") {
  Mlp net = network();
  net.part<2>().bias()(1) = std::nan("");
  const auto report = l0::Trainer(net, options(5)).fit(X, y, penalty);
  CHECK(report.stop == l0::StopReason::not_finite);
  CHECK(report.steps == 0);
  CHECK(net.part<0>().weight().allFinite());
}

TEST_CASE_METHOD(Problem, "A second fit takes as many epochs again, with its schedules from the start") {
  Mlp net = network();
  std::vector<double> temperatures;
  auto o = options(3);
  o.temperature_schedule = [](Index epoch) { return 1.0 - 0.1 * static_cast<double>(epoch); };
  o.callback = [&](const l0::StepReport& report) { temperatures.push_back(report.temperature); };
  l0::Trainer trainer(net, o);
  CHECK(trainer.fit(X, y, penalty).steps == 30);
  const Matrix<double> before = net.part<0>().weight();
  CHECK(trainer.fit(X, y, penalty).steps == 30);
  CHECK(net.part<0>().weight() != before);
  CHECK(trainer.epoch() == 6);
  CHECK(trainer.optimizer().steps() == 60);
  CHECK(temperatures == std::vector<double>{1.0, 0.9, 0.8, 1.0, 0.9, 0.8});
}

TEST_CASE_METHOD(Problem, "A fit that a callback stopped is gone on with by the next") {
  Mlp whole = network();
  l0::Trainer(whole, options(6)).fit(X, y, penalty);
  Mlp net = network();
  auto o = options(6);
  o.callback = [](const l0::StepReport& report) { return report.step == 2 ? l0::Flow::stop : l0::Flow::proceed; };
  l0::Trainer trainer(net, o);
  CHECK(trainer.fit(X, y, penalty).stop == l0::StopReason::callback);
  CHECK(trainer.fit(X, y, penalty).stop == l0::StopReason::completed);
  CHECK(trainer.epoch() == 6);
  CHECK(same(whole, net));
}

TEST_CASE_METHOD(Problem, "A schedule may hold a rate at 0") {
  Mlp net = network();
  Mlp untouched = network();
  auto o = options(2);
  o.learning_rate_schedule = [](Index) { return 0.0; };
  l0::Trainer(net, o).fit(X, y, penalty);
  CHECK(same(net, untouched));
  o.learning_rate_schedule = [](Index) { return -1.0; };
  CHECK_THROWS_AS(l0::Trainer(net, o).fit(X, y, penalty), l0::Error);
}

TEST_CASE_METHOD(Problem, "A gradient that is not finite is not stepped on") {
  struct Poisoned {
    double accumulate(Mlp& model) const {
      model.part<0>().weight_gradient()(0, 0) = std::nan("");
      return 0;
    }
  };
  Mlp net = network();
  Mlp untouched = network();
  const auto report = l0::Trainer(net, options(2)).fit(X, y, Poisoned{});
  CHECK(report.stop == l0::StopReason::not_finite);
  CHECK(report.steps == 0);
  CHECK(same(net, untouched));
}

TEST_CASE_METHOD(Problem, "Long gradients are shortened") {
  // SGD without momentum at rate 1: the step is the gradient.
  Mlp net = network();
  Mlp start = network();
  l0::TrainerOptions o{.epochs = 1, .batch_size = 300, .seed = 5};
  o.clip_norm = 0.01;
  l0::Trainer trainer(net, l0::SGD<double>::Options{.learning_rate = 1}, o);
  trainer.fit(X, y, penalty);
  double square = 0;
  for (std::size_t k = 0; k < net.parameters().size(); ++k) {
    square += (net.parameters()[k].values() - start.parameters()[k].values()).squaredNorm();
  }
  CHECK(std::sqrt(square) == Approx(0.01));
  CHECK_THROWS_AS(l0::Trainer(net, {.clip_norm = -1}), l0::Error);
}

TEST_CASE_METHOD(Problem, "Another optimizer trains as well") {
  Mlp net = network();
  l0::Trainer trainer(net, l0::SGD<double>::Options{.learning_rate = 0.2, .momentum = 0.9},
                      {.epochs = 60, .batch_size = 32, .seed = 5});
  trainer.fit(X, y, penalty);
  CHECK(l0::evaluate(net, X, y).error < 0.1);
  l0::Trainer adam(net, l0::Adam<double>::Options{.learning_rate = 0.01, .weight_decay = 0.1}, {.epochs = 1});
  CHECK(adam.fit(X, y, penalty).stop == l0::StopReason::completed);
}

TEST_CASE_METHOD(Problem, "Reports tell the price and the temperature, and no validation where there is none") {
  Mlp net = network();
  net.set_temperature(0.6);
  l0::StepReport last;
  auto o = options(2);
  o.callback = [&](const l0::StepReport& report) { last = report; };
  const auto report = l0::Trainer(net, o).fit(X, y, penalty);
  CHECK(last.lambda == 0.01);
  CHECK(report.lambda == 0.01);
  CHECK(last.temperature == 0.6);
  CHECK(std::isnan(last.validation_loss));
  CHECK(std::isnan(last.validation_error));
  l0::Budget<double> budget({.max_share = 0.3, .rate = 0.1});
  l0::Trainer(net, o).fit(X, y, budget);
  CHECK(last.lambda == budget.lambda()[0]);
  CHECK(last.lambda > 0);
}

TEST_CASE_METHOD(Problem, "Validation labels are looked at before anything changes") {
  Mlp net = network();
  Mlp untouched = network();
  Eigen::VectorXi wrong = y;
  wrong(3) = 7;
  l0::Trainer trainer(net, options(2));
  CHECK_THROWS_WITH(trainer.fit(X, y, penalty, X, wrong), ContainsSubstring("validation label 3 is 7"));
  CHECK(same(net, untouched));
}

TEST_CASE_METHOD(Problem,
                 "A resumed run has the bits of one that was not stopped, whatever the network draws and keeps") {
  const auto make = [] {
    l0::Rng rng(3);
    return l0::Sequential{l0::L0Linear<double, l0::PerInput>(12, 16, rng), l0::BatchNorm<double>(16), l0::Relu{},
                          l0::Dropout{0.2}, l0::L0Linear<double>(16, 3, rng)};
  };
  using Net = decltype(make());
  const l0::test::TemporaryFile file;
  auto o = options(12);
  o.patience = 4;
  const auto finish = [&](Net& net, l0::Budget<double>& budget, Index stop_at, bool resume) {
    auto with_stop = o;
    l0::Trainer<Net>* running = nullptr;
    with_stop.callback = [&](const l0::StepReport& report) {
      if (report.step != stop_at) return l0::Flow::proceed;
      l0::save_checkpoint(file.path(), net, *running, budget);
      return l0::Flow::stop;
    };
    l0::Trainer trainer(net, with_stop);
    running = &trainer;
    if (resume) l0::load_checkpoint(file.path(), net, trainer, budget);
    return trainer.fit(X, y, budget, X, y);
  };
  const l0::BudgetOptions limits{.max_share = 0.3, .rate = 0.1};
  Net whole = make();
  l0::Budget<double> of_whole(limits);
  finish(whole, of_whole, -1, false);
  Net first = make();
  l0::Budget<double> of_first(limits);
  finish(first, of_first, 5, false);
  // Built another way: streams and draws come from the file.
  l0::Rng other(77);
  other.next_stream();
  Net resumed{l0::L0Linear<double, l0::PerInput>(12, 16, other), l0::BatchNorm<double>(16), l0::Relu{},
              l0::Dropout{0.2}, l0::L0Linear<double>(16, 3, other)};
  l0::Budget<double> of_resumed(limits);
  finish(resumed, of_resumed, -1, true);
  CHECK(resumed.predict(X) == whole.predict(X));
  CHECK(of_resumed.lambda() == of_whole.lambda());
  l0::Rng noise(1);
  CHECK(resumed.forward(X, noise) == whole.forward(X, noise));
}

TEST_CASE_METHOD(Problem, "A run that is stored after its end goes on from where it was, not from its best network") {
  auto o = options(4);
  o.learning_rate = 0.3;  // the best network is not the last
  o.patience = 100;
  const l0::test::TemporaryFile file;
  Mlp first = network();
  {
    l0::Trainer trainer(first, o);
    trainer.fit(X, y, penalty, X, y);
    l0::save_checkpoint(file.path(), first, trainer);
  }
  o.epochs = 9;
  Mlp whole = network();
  l0::Trainer(whole, o).fit(X, y, penalty, X, y);
  Mlp resumed = network();
  l0::Trainer trainer(resumed, o);
  l0::load_checkpoint(file.path(), resumed, trainer);
  trainer.fit(X, y, penalty, X, y);
  CHECK(same(whole, resumed));
}

TEST_CASE_METHOD(Problem, "Sparse data reach the network as sparse batches") {
  l0::Rng rng(3);
  Watched net(12, 16, 3, rng);
  const Eigen::SparseMatrix<double> columns = X.sparseView();
  l0::Trainer trainer(net, options(1));
  trainer.fit(columns, y, penalty, columns, y);
  CHECK(net.dense == 0);
  trainer.transform_batches([](Matrix<double>& batch, l0::Rng&) { batch *= 1; });
  trainer.fit(columns, y, penalty);
  CHECK(net.dense == 10);
}

TEST_CASE_METHOD(Problem, "A budget is kept, per layer and as a whole, in gates, weights and operations") {
  for (const l0::CostUnit unit : {l0::CostUnit::gates, l0::CostUnit::weights, l0::CostUnit::flops}) {
    for (const bool per_layer : {false, true}) {
      CAPTURE(static_cast<int>(unit), per_layer);
      Mlp net = network();
      l0::Budget<double> budget({.max_share = 0.4, .unit = unit, .per_layer = per_layer, .rate = 0.1});
      l0::Trainer(net, options(150)).fit(X, y, budget);
      // The dual variable hovers around the budget.
      CHECK(budget.share() < 0.44);
      CHECK(budget.share() > 0.25);
      CHECK(budget.lambda().size() == (per_layer ? 2U : 1U));
      CHECK(l0::evaluate(net, X, y).error < 0.15);
    }
  }
}

TEST_CASE("Budgets and prices per layer: values, gradients, wrong options") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Conv2d<double>({1, 4, 4}, 3, 3, rng), l0::L0Linear<double, l0::PerInput>(12, 2, rng)};
  l0::test::spread_gates(net);
  const auto first = net.part<0>().gate().active_probability();
  const auto second = net.part<1>().gate().active_probability();
  const auto value = [&](l0::CostUnit unit) {
    return l0::LayerPenalty<double>{.lambda = {2, 3}, .unit = unit}.accumulate(net);
  };
  CHECK(value(l0::CostUnit::gates) == Approx(2 * first.sum() + 3 * second.sum()));
  CHECK(value(l0::CostUnit::weights) == Approx(2 * 9 * first.sum() + 3 * 2 * second.sum()));
  CHECK(value(l0::CostUnit::flops) == Approx(2 * 9 * 8 * first.sum() + 3 * 2 * 2 * second.sum()));
  l0::for_each_gated(net, [](auto& layer) { layer.log_alpha_gradient().setZero(); });
  const Matrix<double> weight_gradient = net.part<0>().weight_gradient();
  value(l0::CostUnit::flops);
  const Eigen::VectorXd gradient = net.part<0>().log_alpha_gradient();
  CHECK(net.part<0>().weight_gradient() == weight_gradient);
  for (Index k = 0; k < 3; ++k) {
    const double p = first(k);
    CHECK(gradient(k) == Approx(2 * 9 * 8 * p * (1 - p)));
  }
  CHECK_THROWS_AS((l0::LayerPenalty<double>{.lambda = {1, 2, 3}}.accumulate(net)), l0::Error);
  CHECK_THROWS_AS((l0::LayerPenalty<double>{.lambda = {-1}}.accumulate(net)), l0::Error);

  l0::Budget<double> whole({.max_cost = 5, .rate = 0.5});
  CHECK(whole.accumulate(net) == 0);  // λ starts at 0
  const double share = (first.sum() + second.sum()) / 15;
  CHECK(whole.share() == Approx(share));
  CHECK(whole.lambda()[0] == Approx(std::fmax(0.0, 0.5 * (share - 5.0 / 15))));
  CHECK(whole.accumulate(net) == Approx(0.5 * (share - 5.0 / 15) * (share - 5.0 / 15)));
  for (const auto& wrong : std::vector<l0::BudgetOptions>{{},
                                                          {.max_share = 1},
                                                          {.max_share = -0.5},
                                                          {.max_share = 0.5, .max_cost = 2},
                                                          {.max_cost = -2},
                                                          {.max_cost = 2, .per_layer = true},
                                                          {.max_share = 0.5, .rate = 0}}) {
    CHECK_THROWS_AS(l0::Budget<double>(wrong), l0::Error);
  }
}

}  // namespace tests::training::trainer
