// SPDX-License-Identifier: MIT
// Picks records and weights that reproduce a survey's totals. Without arguments: 500 of 10 000 reports on aircraft that
// hit wildlife, to stand for all of them in every state, year, phase of flight and so on. `--help` tells the rest.
#include <cstdio>
#include <iostream>
#include <numeric>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include <l0/training/progress.hpp>

#include "support.hpp"
#include "survey.hpp"

namespace {

using Calibration = l0::SparseCalibrationWeights<float>;
using Eigen::Index;

struct Arguments {
  std::string matrix, targets, records, margin_file, weight_column, id_column, state, out = "calibrate_survey";
  std::vector<std::string> margins;
  double keep = 0.05;
  Index max_records = 0;
  double lambda = 0;
  bool dense = false, hold_total = false, resume = false, no_pictures = false, quick = false;
  l0::CalibrationLoss loss = l0::CalibrationLoss::capped;
  l0::CalibrationOptions options;
  double cap = 1;
};

void add_options(CLI::App& app, Arguments& a) {
  const std::map<std::string, l0::CalibrationLoss> losses{{"capped", l0::CalibrationLoss::capped},
                                                          {"relative", l0::CalibrationLoss::relative},
                                                          {"squared", l0::CalibrationLoss::squared}};
  const std::map<std::string, l0::CalibrationMethod> methods{{"coordinate", l0::CalibrationMethod::coordinate},
                                                             {"gradient", l0::CalibrationMethod::gradient}};
  const std::map<std::string, l0::CalibrationDistance> distances{{"linear", l0::CalibrationDistance::linear},
                                                                 {"raking", l0::CalibrationDistance::raking},
                                                                 {"logit", l0::CalibrationDistance::logit},
                                                                 {"truncated", l0::CalibrationDistance::truncated},
                                                                 {"none", l0::CalibrationDistance::none}};
  app.add_option("--records", a.records, "records, CSV with a header")->check(CLI::ExistingFile);
  app.add_option("--margins", a.margin_file,
                 "file of margins to match, one a line: sex*region, income@region, income@, @")
      ->check(CLI::ExistingFile);
  app.add_option("--margin", a.margins, "one margin; may be given several times");
  app.add_option("--weight-column", a.weight_column, "column of the records with starting weights");
  app.add_option("--id-column", a.id_column,
                 "column of the records with their names, for the weights that are written");
  app.add_option("--matrix", a.matrix, "targets x records in Matrix Market format, instead of records and margins")
      ->check(CLI::ExistingFile);
  app.add_option("--targets", a.targets,
                 "CSV with the columns name, target (of a matrix: group), or variable, category, total; else the "
                 "totals of the records")
      ->check(CLI::ExistingFile);
  app.add_option("--keep", a.keep, "share of the records to keep")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  app.add_option("--max-records", a.max_records, "number of records to keep, instead of a share");
  app.add_option("--lambda-l0", a.lambda, "price of a record, instead of a number");
  app.add_flag("--dense", a.dense, "keep all records");
  app.add_option("--loss", a.loss, "capped, relative or squared")->transform(CLI::CheckedTransformer(losses));
  app.add_option("--cap", a.cap, "of the capped loss")->capture_default_str();
  app.add_option("--method", a.options.method, "coordinate or gradient")->transform(CLI::CheckedTransformer(methods));
  app.add_option("--distance", a.options.distance, "linear, raking, logit, truncated or none")
      ->transform(CLI::CheckedTransformer(distances));
  app.add_option("--min-weight-ratio", a.options.min_weight_ratio, "least weight over starting weight");
  app.add_option("--max-weight-ratio", a.options.max_weight_ratio, "largest weight over starting weight; 0: no limit");
  app.add_option("--concentration", a.options.concentration, "price of uneven weights");
  app.add_flag("--hold-total", a.hold_total, "keep the sum of the starting weights");
  app.add_option("--epochs", a.options.epochs, "passes over the records; 0: a default");
  app.add_option("--refit-epochs", a.options.refit_epochs, "passes of the refit");
  app.add_option("--threads", a.options.threads, "results do not depend on it");
  app.add_option("--seed", a.options.seed, "of jitter");
  app.add_option("--state", a.state, "file that keeps the state of the run, written every 20 passes");
  app.add_flag("--resume", a.resume, "go on from the state");
  app.add_option("--out", a.out, "beginning of the names of all files written")->capture_default_str();
  app.add_flag("--no-pictures", a.no_pictures);
  app.add_flag("--quick", a.quick, "few passes, to see that everything works");
}

example::Survey read_survey(const Arguments& a) {
  if (!a.matrix.empty()) {
    if (a.targets.empty()) throw l0::Error("--targets", "missing", "a CSV file beside --matrix");
    return example::read_matrix_survey(a.matrix, a.targets);
  }
  std::vector<example::Margin> margins;
  if (!a.margin_file.empty()) margins = example::read_margins(a.margin_file);
  for (const std::string& margin : a.margins) margins.emplace_back(margin);
  std::string records = a.records;
  if (records.empty()) {
    records = std::string(L0_EXAMPLE_DATA_DIR) + "/strikes.csv";
    if (margins.empty()) {
      for (const char* margin : {"@", "state", "year", "time", "phase*size", "damage*size", "year*size", "state*size",
                                 "state*phase", "state*year", "cost@", "cost@size", "cost@phase", "cost@state"}) {
        margins.emplace_back(margin);
      }
    }
  }
  if (margins.empty() && !a.targets.empty()) margins = example::published_margins(a.targets);
  if (margins.empty()) throw l0::Error("--margins", "missing", "the margins to match");
  return example::make_record_survey(l0::CsvTable::read(records), margins, a.weight_column, a.targets, a.id_column);
}

/// What the same number of records drawn at random, with equal factors on their weights, would give.
Eigen::VectorXd random_errors(const example::Survey& survey, const std::vector<Index>& order, std::size_t count) {
  Eigen::VectorXd weights = Eigen::VectorXd::Zero(survey.m.cols());
  double sum = 0;
  for (std::size_t k = 0; k < count; ++k) sum += survey.weights[static_cast<std::size_t>(order[k])];
  const double total = std::accumulate(survey.weights.begin(), survey.weights.end(), 0.0);
  for (std::size_t k = 0; k < count; ++k) {
    weights(order[k]) = survey.weights[static_cast<std::size_t>(order[k])] * total / sum;
  }
  Eigen::VectorXd errors = survey.m.cast<double>() * weights;
  for (Index j = 0; j < errors.size(); ++j) {
    const double t = survey.targets[static_cast<std::size_t>(j)];
    errors(j) = (errors(j) - t) / std::max(std::abs(t), 1.0);
  }
  return errors;
}

double mean_error(const Eigen::VectorXd& errors) { return errors.size() == 0 ? 0 : errors.cwiseAbs().mean(); }

void write_files(const Arguments& a, const example::Survey& survey, const Calibration& cal,
                 const l0::CalibrationReport& report, const Eigen::VectorXd& random) {
  std::ofstream weights(a.out + "_weights.csv");
  weights << "record,weight,start\n";
  for (const Index j : cal.active_records()) {
    weights << (survey.ids.empty() ? std::to_string(j) : l0::csv_field(survey.ids[static_cast<std::size_t>(j)])) << ','
            << cal.weights()(j) << ',' << survey.weights[static_cast<std::size_t>(j)] << '\n';
  }
  std::ofstream errors(a.out + "_errors.csv");
  errors << "target,group,wanted,reached,error_start,error_random,error\n";
  for (Index j = 0; j < survey.m.rows(); ++j) {
    const auto at = static_cast<std::size_t>(j);
    errors << l0::csv_field(survey.names[at]) << ','
           << l0::csv_field(survey.group_names[static_cast<std::size_t>(survey.groups[at])]) << ','
           << survey.targets[at] << ',' << report.predictions(j) << ',' << report.errors_before(j) << ',' << random(j)
           << ',' << report.errors(j) << '\n';
  }
  if (!weights.flush() || !errors.flush()) throw std::runtime_error(a.out + "_*.csv: cannot be written");
  std::cout << "weights: " << a.out << "_weights.csv\nerrors:  " << a.out << "_errors.csv\n";
}

void draw_pictures(const Arguments& a) {
  example::draw(a.out + ".svg", "errors = '" + a.out + "_errors.csv'; weights = '" + a.out + R"(_weights.csv'
stats errors every ::1 using 3 nooutput name 'T'
stats weights every ::1 using ($2/$3) nooutput name 'W'
at(x) = abs(x) < 1e-4 ? 1e-4 : abs(x)
set multiplot layout 1,3
set title 'Targets with a smaller error'; set xlabel 'relative error'; set logscale x; set xrange [1e-4:10]
set xtics 100; set format x '10^{%L}'; set yrange [0:1]; set key left center
plot errors every ::1 using (at($6)):(1.0/T_records) smooth cumulative lw 2 lc '#f4a582' title 'random', \
  '' every ::1 using (at($7)):(1.0/T_records) smooth cumulative lw 3 lc '#2166ac' title 'chosen'
set title 'Weights'; set xlabel 'weight over starting weight'; set autoscale y; unset logscale; set format x '%g'; unset key
width = W_max/40; set xtics autofreq; set xrange [0:W_max]; set boxwidth width; set style fill solid 0.8
plot weights every ::1 using (width*(floor($2/$3/width)+0.5)):(1) smooth frequency with boxes lc '#2166ac'
set title 'Error by size of the target'; set xlabel 'target'; set logscale xy; set autoscale x; set yrange [1e-4:10]
set xtics 100; set format '10^{%L}'
plot errors every ::1 using 3:(at($6)) with points pt 7 ps 0.3 lc '#f4a582', \
  '' every ::1 using 3:(at($7)) with points pt 7 ps 0.3 lc '#2166ac'
unset multiplot
)");
}

int run(Arguments& a) {
  const example::Survey survey = read_survey(a);
  const Index records = survey.m.cols();
  std::printf("%td targets in %zu margins, %td records, %td entries\n", survey.m.rows(), survey.group_names.size(),
              records, survey.m.nonZeros());
  a.options.initial_weights = survey.weights;
  if (a.dense) {
    a.options.gates = l0::GateMode::off;
  } else if (a.lambda > 0) {
    a.options.lambda_l0 = a.lambda;
  } else {
    const auto share = static_cast<Index>(std::lround(a.keep * static_cast<double>(records)));
    a.options.max_records = a.max_records > 0 ? a.max_records : std::max<Index>(share, 1);
  }
  if (a.hold_total) a.options.total_weight = std::accumulate(survey.weights.begin(), survey.weights.end(), 0.0);
  if (a.quick) a.options.epochs = a.options.refit_epochs = 20;
  Calibration cal(records, a.options);

  l0::CalibrationTask task{.loss = a.loss, .target_groups = survey.groups, .cap = a.cap};
  task.callback = l0::ProgressBar{};
  l0::CalibrationState state;
  if (!a.state.empty()) {
    task.checkpoint_every = 20;
    task.checkpoint = [&](const l0::CalibrationState& now) { now.save(a.state); };
    if (a.resume) {
      state = l0::CalibrationState::load(a.state);
      task.resume = &state;
    }
  }
  const Eigen::Map<const Eigen::VectorXd> targets(survey.targets.data(), survey.m.rows());
  const l0::CalibrationReport report = cal.fit(survey.m, targets, task);

  const auto order = example::split_rows(records, 0, 1).train;
  const Eigen::VectorXd random = random_errors(survey, order, cal.active_records().size());
  std::printf("%td records kept, effective sample size %.0f, sum of weights %.6g, %td passes in %.2f s\n\n",
              report.records, report.weights.effective_sample_size, report.weights.sum, report.steps, report.seconds);
  std::printf("%-16s %8s  %12s  %8s %8s %8s  %9s\n", "mean error in", "targets", "random", "chosen", "median",
              "largest", "within 5 %");
  const auto row = [&](const std::string& name, const l0::ErrorSummary& e, double by_chance) {
    std::printf("%-16s %8td  %10.1f %%  %6.2f %% %6.2f %% %6.1f %%  %7.1f %%\n", name.c_str(), e.targets,
                100 * by_chance, 100 * e.mean, 100 * e.median, 100 * e.largest, 100 * e.within_5_percent);
  };
  for (const l0::ErrorSummary& group : report.groups) {
    double by_chance = 0;
    for (Index j = 0; j < random.size(); ++j) {
      if (survey.groups[static_cast<std::size_t>(j)] == group.group) by_chance += std::abs(random(j));
    }
    row(survey.group_names[static_cast<std::size_t>(group.group)], group,
        by_chance / static_cast<double>(group.targets));
  }
  row("all", report.all, mean_error(random));
  for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
  std::puts("");
  write_files(a, survey, cal, report, random);
  if (!a.no_pictures) draw_pictures(a);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Picks few records of a survey and weights for them, so that their weighted totals match the targets."};
  add_options(app, arguments);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
