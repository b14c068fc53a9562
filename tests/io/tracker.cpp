// SPDX-License-Identifier: MIT
// The record of a run: what is kept, what comes of it, what is written.
#include <functional>
#include <limits>
#include <string>
#include <type_traits>

#include <l0/io/tracker.hpp>
#include <l0/training/minimize.hpp>
#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::tracker {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::StepReport;
using l0::Tracker;

StepReport step(const char* stage, Index number, double loss, double seconds, double open = 3) {
  return {.step = number, .steps = 10, .stage = stage, .loss = loss, .expected_l0 = open, .seconds = seconds};
}

/// Two stages of a run.
void run(Tracker& tracker) {
  tracker(step("gates", 1, 4, 0.5, 9));
  tracker(step("gates", 2, 1, 1.0, 7));
  tracker(step("gates", 3, 2, 2.0, 5));
  tracker(step("refit", 1, 0.5, 2.5));
  tracker(step("refit", 2, 0.25, 3.0));
}

}  // namespace

static_assert(l0::Callback<std::reference_wrapper<Tracker>>);
static_assert(!std::is_copy_constructible_v<Tracker>, "or options would hold a copy that nobody reads");
static_assert(std::is_move_constructible_v<Tracker>);

TEST_CASE("A tracker keeps every step and the statistics of every stage", "[io]") {
  Tracker tracker;
  run(tracker);
  REQUIRE(tracker.history().size() == 5);
  CHECK(tracker.values(&StepReport::loss) == std::vector<double>{4, 1, 2, 0.5, 0.25});
  REQUIRE(tracker.stages().size() == 2);
  const l0::StageStatistics& gates = tracker.stages()[0];
  CHECK(gates.stage == "gates");
  CHECK(gates.steps == 3);
  CHECK(gates.first_loss == 4);
  CHECK(gates.last_loss == 2);
  CHECK(gates.smallest_loss == 1);
  CHECK(gates.smallest_step == 2);
  CHECK(gates.first_open == 9);
  CHECK(gates.last_open == 5);
  CHECK(gates.seconds == 2);
  CHECK(gates.steps_per_second == 1.5);
  CHECK(tracker.stages()[1].stage == "refit");
  CHECK(tracker.stages()[1].seconds == 1);
  CHECK(tracker.summary().find("refit") != std::string::npos);

  run(tracker);  // a further run
  REQUIRE(tracker.stages().size() == 4);
  CHECK(tracker.stages()[2].seconds == 2);
  // A stage of the same name that counts from the start again is another one, from any step on.
  tracker(step("refit", 2, 0.2, 3.5));
  CHECK(tracker.stages().size() == 5);
  tracker(step("refit", 3, 0.1, 4));
  CHECK(tracker.stages().size() == 5);
  CHECK(tracker.stages()[4].steps == 2);
  tracker.clear();
  CHECK(tracker.history().empty());
  CHECK(tracker.stages().empty());
}

TEST_CASE("A tracker may keep every third step, and the last one", "[io]") {
  Tracker tracker(3);
  for (Index k = 1; k <= 8; ++k) tracker(step("gates", k, 1.0 / static_cast<double>(k), 0.1 * static_cast<double>(k)));
  CHECK(tracker.values(&StepReport::loss) == std::vector<double>{1, 1.0 / 4, 1.0 / 7, 1.0 / 8});
  CHECK(tracker.stages()[0].steps == 8);
  tracker(step("refit", 1, 7, 2));
  CHECK(tracker.history().size() == 5);
  CHECK_THROWS_MATCHES(Tracker(0), l0::Error, Message("l0: every is 0, expected a number of steps >= 1"));
}

TEST_CASE("The names of stages outlive what they were read from, and moves", "[io]") {
  Tracker tracker;
  {
    std::string name = "a stage with a name of its own";
    tracker(step(name.c_str(), 1, 1, 1));
    name = "gone";
  }
  const Tracker moved(std::move(tracker));
  CHECK(moved.history()[0].stage == "a stage with a name of its own");
  CHECK(moved.stages()[0].stage == moved.history()[0].stage);
}

TEST_CASE("A run as CSV and as JSON lines", "[io]") {
  Tracker tracker;
  tracker(step("a \"b\", c", 1, 0.1, 0.5));
  StepReport second = step("epochs", 2, std::numeric_limits<double>::infinity(), 1);
  second.validation_loss = 0.75;
  tracker(second);
  CHECK(tracker.csv() ==
        "stage,step,steps,loss,objective,expected_l0,lambda,temperature,seconds,validation_loss,validation_error\n"
        "\"a \"\"b\"\", c\",1,10,0.1,0,3,0,0,0.5,,\n"
        "epochs,2,10,inf,0,3,0,0,1,0.75,\n");
  CHECK(
      tracker.json_lines() ==
      R"({"stage":"a \"b\", c","step":1,"steps":10,"loss":0.1,"objective":0,"expected_l0":3,"lambda":0,"temperature":0,"seconds":0.5})"
      "\n"
      R"({"stage":"epochs","step":2,"steps":10,"loss":null,"objective":0,"expected_l0":3,"lambda":0,"temperature":0,"seconds":1,"validation_loss":0.75})"
      "\n");

  const l0::test::TemporaryFile file;
  tracker.write_csv(file.path());
  CHECK(file.read() == tracker.csv());
  tracker.write_json_lines(file.path());
  CHECK(file.read() == tracker.json_lines());
  CHECK_THROWS_MATCHES(
      tracker.write_csv("/no such folder/run.csv"), l0::Error,
      Message("l0: file /no such folder/run.csv is not writable (No such file or directory), expected a "
              "place where a file can be made"));
}

TEST_CASE("The picture of a run", "[io]") {
  Tracker tracker;
  CHECK_THROWS_MATCHES(tracker.draw("run.svg"), l0::Error,
                       Message("l0: the tracker is without a step, expected a run first"));
  run(tracker);
  const std::string script = tracker.gnuplot_script("run.svg");
  CHECK(script.find("set output 'run.svg'") != std::string::npos);
  CHECK(script.find("\n3 2 5\n") != std::string::npos);
  CHECK(script.find("set logscale y\n") != std::string::npos);
  tracker(step("refit", 3, -1, 3.5));
  CHECK(tracker.gnuplot_script("run.svg").find("set logscale y\n") == std::string::npos);
  CHECK_THROWS_AS(tracker.gnuplot_script("it's.svg"), l0::Error);

  // With every second step kept, the axis still counts steps, and a stage goes on where the one before ended.
  Tracker sparse(2);
  run(sparse);
  CHECK(sparse.gnuplot_script("run.svg").find("<< EOD\n1 4 9\n3 2 5\n4 0.5 3\n5 0.25 3\nEOD\n") != std::string::npos);

  const l0::test::TemporaryFile picture;
  if (tracker.draw(picture.path())) CHECK(picture.read().find("<svg") != std::string::npos);  // where gnuplot is
}

TEST_CASE("A tracker beside another callback follows a fit", "[io]") {
  const auto bowl = [](const l0::Vector<double>& w, l0::Vector<double>& gradient) {
    gradient = 2 * (w.array() - 1).matrix();
    return (w.array() - 1).square().sum();
  };
  Tracker tracker;
  Index heard = 0;
  const auto stop_at_7 = [&](const StepReport& report) {
    ++heard;
    return report.step == 7 ? l0::Flow::stop : l0::Flow::proceed;
  };
  const auto sparse = l0::minimize(bowl, l0::Vector<double>::Zero(5),
                                   {.epochs = 20, .callback = l0::all_callbacks(stop_at_7, std::ref(tracker))});
  CHECK(sparse.report.stop == l0::StopReason::callback);
  CHECK(heard == 7);
  REQUIRE(tracker.history().size() == 7);  // the last step too, although the first of the two stopped there
  CHECK(tracker.history().back().step == 7);
  CHECK(tracker.stages()[0].stage == "gates");
}

}  // namespace tests::io::tracker
