// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <l0/core/file.hpp>
#include <l0/io/csv_field.hpp>
#include <l0/io/report.hpp>

namespace l0 {

/// What one stage of a run came to.
struct StageStatistics {
  std::string_view stage;       ///< "gates", "refit", ...; valid as long as the tracker
  Index steps = 0;              ///< steps seen, also those that were not kept
  double first_loss = 0;        ///< after the first step
  double last_loss = 0;         ///< after the last
  double smallest_loss = 0;     ///< NaN if no loss was finite
  Index smallest_step = 0;      ///< the first step that had it
  double first_open = 0;        ///< expected number of open gates after the first step
  double last_open = 0;         ///< and after the last
  double seconds = 0;           ///< from the end of the stage before to the end of this one
  double steps_per_second = 0;  ///< rate
};

/// Keeps the record of a run: every step's report, statistics of every stage, CSV, JSON lines and a picture. A door of
/// its own: `l0.hpp` does not include it.
///
///     l0::Tracker tracker;
///     l0::minimize(f, w0, {.lambda_l0 = 0.01, .callback = std::ref(tracker)});
///     std::cout << tracker.summary();
///     tracker.write_csv("run.csv");
///     tracker.write_json_lines("run.jsonl");
///     tracker.draw("run.svg");
///
/// Takes 100 bytes a step; `every` keeps only each so many-th step of a stage (and the last). Several runs may follow
/// each other; a stage that begins again is a new one. A tracker cannot be copied, so that what options hold is a
/// reference to it (`std::ref`) and not a copy that nobody reads.
class Tracker {
 public:
  /// Throws `Error` unless every ≥ 1.
  explicit Tracker(Index every = 1) : every_(every) {
    detail::require(every >= 1, "every", every, "a number of steps >= 1");
  }
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;
  Tracker(Tracker&&) = default;             ///< Takes the record of another.
  Tracker& operator=(Tracker&&) = default;  ///< Takes the record of another.
  ~Tracker() = default;

  /// Takes a step down; what `callback` calls.
  void operator()(const StepReport& report) {
    const bool new_stage = stages_.empty() || stages_.back().stage != report.stage || report.step <= last_step_;
    if (new_stage) {
      begin_stage(report);
    } else if (last_is_passing_) {
      history_.pop_back();
    }
    StageStatistics& stage = stages_.back();
    StepReport kept = report;
    kept.stage = stage.stage;
    last_is_passing_ = !new_stage && stage.steps % every_ != 0;
    history_.push_back(kept);
    ++stage.steps;
    last_step_ = report.step;
    stage.last_loss = report.loss;
    stage.last_open = report.expected_l0;
    if (std::isfinite(report.loss) && !(stage.smallest_loss <= report.loss)) {
      stage.smallest_loss = report.loss;
      stage.smallest_step = report.step;
    }
    stage.seconds = report.seconds - stage_began_;
    stage.steps_per_second = stage.seconds > 0 ? static_cast<double>(stage.steps) / stage.seconds : 0;
  }

  /// The steps kept, in order.
  const std::vector<StepReport>& history() const { return history_; }
  /// The stages, in order.
  const std::vector<StageStatistics>& stages() const { return stages_; }
  /// One field of every step kept, e.g. values(&StepReport::loss).
  std::vector<double> values(double StepReport::*field) const {
    std::vector<double> result;
    result.reserve(history_.size());
    for (const StepReport& report : history_) result.push_back(report.*field);
    return result;
  }
  /// Forgets all runs.
  void clear() {
    history_.clear();
    stages_.clear();
    names_.clear();
    last_is_passing_ = false;
    last_step_ = 0;
  }

  /// A table of the stages.
  std::string summary() const {
    char line[200];
    std::snprintf(line, sizeof line, "%-10s %9s %12s %12s %12s %10s %9s %9s\n", "stage", "steps", "first loss",
                  "last loss", "smallest", "open", "seconds", "steps/s");
    std::string text = line;
    for (const StageStatistics& s : stages_) {
      std::snprintf(line, sizeof line, "%-10.*s %9td %12.5g %12.5g %12.5g %10.1f %9.2f %9.3g\n",
                    static_cast<int>(s.stage.size()), s.stage.data(), static_cast<std::ptrdiff_t>(s.steps),
                    s.first_loss, s.last_loss, s.smallest_loss, s.last_open, s.seconds, s.steps_per_second);
      text += line;
    }
    return text;
  }

  /// A line of names and a line per step kept; NaN is an empty field.
  std::string csv() const {
    std::string text =
        "stage,step,steps,loss,objective,expected_l0,lambda,temperature,seconds,validation_loss,validation_error\n";
    for (const StepReport& r : history_) {
      text += csv_field(r.stage) + ',' + detail::to_text(r.step) + ',' + detail::to_text(r.steps);
      for (const double value : {r.loss, r.objective, r.expected_l0, r.lambda, r.temperature, r.seconds,
                                 r.validation_loss, r.validation_error}) {
        text += ',';
        if (!std::isnan(value)) text += detail::to_text(value);
      }
      text += '\n';
    }
    return text;
  }
  /// An object per step kept, each on a line of its own (see `to_json`).
  std::string json_lines() const {
    std::string text;
    for (const StepReport& report : history_) text += to_json(report) + '\n';
    return text;
  }

  /// Writes `csv()` or `json_lines()`. Throws `Error` where the file cannot be written.
  void write_csv(const std::string& path) const { detail::write_file(path, csv()); }
  /// Writes `json_lines()`. Throws `Error` where the file cannot be written.
  void write_json_lines(const std::string& path) const { detail::write_file(path, json_lines()); }

  /// A gnuplot script, data included, that draws loss and open gates of all steps kept as an SVG picture.
  std::string gnuplot_script(const std::string& picture) const {
    if (picture.find('\'') != std::string::npos) detail::fail("picture", picture, "a path without '");
    std::string script = "set terminal svg size 800,480 font 'Helvetica,14' background 'white'\nset output '" +
                         picture + "'\n$run << EOD\n";
    Index place = 0;
    const StepReport* last = nullptr;
    for (const StepReport& r : history_) {
      const bool same_stage = last != nullptr && r.stage == last->stage && r.step > last->step;
      place += same_stage ? r.step - last->step : 1;  // some fits go on counting in the next stage
      last = &r;
      if (!std::isfinite(r.loss)) continue;
      script += detail::to_text(place) + ' ' + detail::to_text(r.loss) + ' ' +
                (std::isfinite(r.expected_l0) ? detail::to_text(r.expected_l0) : "NaN") + '\n';
    }
    const bool logarithmic = std::all_of(history_.begin(), history_.end(),
                                         [](const StepReport& r) { return r.loss > 0 || !std::isfinite(r.loss); });
    script += "EOD\nset xlabel 'step'\nset ylabel 'loss'\nset y2label 'open gates'\nset ytics nomirror\nset y2tics\n";
    script += "set y2range [0:*]\nset key top right\n";
    if (logarithmic) script += "set logscale y\n";
    return script +
           "plot $run using 1:2 with lines lw 2 lc '#2166ac' title 'loss', $run using 1:3 axes x1y2 with lines lw 2 lc "
           "'#b2182b' title 'open gates'\n";
  }

  /// Draws that picture where gnuplot is installed; returns whether it did. Throws `Error` where no file can be written
  /// and where there is nothing to draw.
  bool draw(const std::string& picture) const {
    if (history_.empty()) detail::fail("the tracker", "without a step", "a run first");
    const std::string file = picture + ".gnuplot";
    detail::write_file(file, gnuplot_script(picture));
#ifdef _WIN32
    const std::string quiet = " >NUL 2>&1";
    const std::string quoted = '"' + file + '"';
#else
    const std::string quiet = " >/dev/null 2>&1";
    const std::string quoted = '\'' + file + '\'';
#endif
    const bool drawn = std::system(("gnuplot " + quoted + quiet).c_str()) == 0;
    std::remove(file.c_str());
    return drawn;
  }

 private:
  void begin_stage(const StepReport& report) {
    const bool new_run = history_.empty() || report.seconds < history_.back().seconds;
    stage_began_ = new_run ? 0 : history_.back().seconds;
    StageStatistics stage;
    stage.stage = *names_.emplace(report.stage).first;
    stage.first_loss = report.loss;
    stage.first_open = report.expected_l0;
    stage.smallest_loss = std::numeric_limits<double>::quiet_NaN();
    stages_.push_back(stage);
  }

  Index every_;
  std::vector<StepReport> history_;
  std::vector<StageStatistics> stages_;
  std::set<std::string, std::less<>> names_;  // what the reports' views point to
  double stage_began_ = 0;
  Index last_step_ = 0;
  bool last_is_passing_ = false;  // kept only until the next step of its stage comes
};

}  // namespace l0
