// SPDX-License-Identifier: MIT
#include <l0/callbacks/progress.hpp>

#include <algorithm>

#include "support/catch.hpp"
#include "training/objectives.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace tests::callbacks::progress {

namespace {

/// What `work` writes to standard error while that is a file.
template <class Work>
std::string standard_error_of(Work&& work) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  std::fflush(stderr);
  const int before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  work();
  std::fflush(stderr);
  dup2(before, STDERR_FILENO);
  close(before);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text.push_back(static_cast<char>(c));
  std::fclose(file);
  return text;
}

/// A run of ten steps, half a second each, as `show` sees it; it ends early at `last`.
template <class Show>
void run(Show&& show, l0::Index last = 10, double seconds_per_step = 0.5) {
  for (l0::Index k = 1; k <= last; ++k) {
    show(l0::StepReport{.step = k,
                        .steps = 10,
                        .stage = "gates",
                        .loss = 0.125,
                        .expected_l0 = 20.5,
                        .seconds = seconds_per_step * static_cast<double>(k)});
  }
}

/// What is written to a terminal that nobody looks at.
template <class Work>
std::string terminal_output_of(Work&& work) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(grantpt(master) == 0);
  REQUIRE(unlockpt(master) == 0);
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  REQUIRE(slave >= 0);
  std::FILE* stream = fdopen(slave, "w");
  work(stream);
  std::fputs("#end", stream);
  std::fflush(stream);
  std::string text;
  char c = 0;
  while (text.find("#end") == std::string::npos && read(master, &c, 1) == 1) text.push_back(c);
  std::fclose(stream);
  close(master);
  return text.substr(0, text.size() - 4);
}

std::size_t count(const std::string& text, char c) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), c));
}

}  // namespace

TEST_CASE("On a terminal the bar is rewritten in place, with rate and time left", "[training]") {
  const std::string text = terminal_output_of([](std::FILE* stream) { run(l0::ProgressBar({.stream = stream})); });
  CHECK(count(text, '\n') == 1);
  CHECK(text.substr(text.size() - 2) == "\r\n");  // the terminal adds the \r
  CHECK(count(text, '\r') == 11);
  CHECK(text.find("gates    [##########..........]  50 %  loss 0.125      open 20.5    2/s, 2 s left\033[K") !=
        std::string::npos);
  CHECK(text.find("[####################] 100 %  loss 0.125      open 20.5    2/s\033[K\r\n") != std::string::npos);
}

TEST_CASE("A run that is over before the delay shows no bar, one that ends early ends its line", "[training]") {
  CHECK(terminal_output_of([](std::FILE* stream) { run(l0::ProgressBar({.stream = stream}), 10, 0.04); }).empty());
  const std::string text = terminal_output_of([](std::FILE* stream) { run(l0::ProgressBar({.stream = stream}), 4); });
  CHECK(count(text, '\n') == 1);
  // Steps 0.01 s apart are not all shown.
  const std::string fast =
      terminal_output_of([](std::FILE* stream) { run(l0::ProgressBar({.delay = 0, .stream = stream}), 10, 0.01); });
  CHECK(count(fast, '\r') == 3);  // the first, the last and its end of line
}

TEST_CASE("Where a file is read no loss is shown; a loss that is lost is", "[training]") {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const auto written = [](double loss, double open) {
    return standard_error_of([&] {
      const l0::ProgressBar bar({.verbosity = l0::Verbosity::steps});
      bar(l0::StepReport{.step = 500, .steps = 1000, .stage = "reading", .loss = loss, .expected_l0 = open});
    });
  };
  CHECK(written(none, none) == "reading  [##########..........]  50 %\n");
  CHECK(written(none, 3) == "reading  [##########..........]  50 %  loss nan        open 3      \n");
}

TEST_CASE("The time left is told in seconds, minutes or hours", "[training]") {
  // Half of ten steps is over, and nine tenths: five steps and one are left.
  const auto written = [](double seconds_per_step) {
    return standard_error_of([&] { run(l0::ProgressBar({.verbosity = l0::Verbosity::steps}), 9, seconds_per_step); });
  };
  CHECK(written(11).find(" 55 s left") != std::string::npos);
  CHECK(written(100).find(" 8:20 min left") != std::string::npos);
  CHECK(written(100).find(" 1:40 min left") != std::string::npos);
  CHECK(written(3600).find(" 5:00 h left") != std::string::npos);
  CHECK(written(4500).find(" 6:15 h left") != std::string::npos);
}

TEST_CASE("Verbosity: lines for log files, every step, nothing", "[training]") {
  const auto written = [](const l0::ProgressOptions& options) {
    return standard_error_of([&] { run(l0::ProgressBar(options)); });
  };
  CHECK(written({.verbosity = l0::Verbosity::silent}).empty());
  CHECK(count(written({.verbosity = l0::Verbosity::steps}), '\n') == 10);
  const std::string lines = written({.verbosity = l0::Verbosity::lines, .seconds_per_line = 2});
  CHECK(count(lines, '\n') == 4);  // at 0.5, 2.5, 4.5 and 5 s
  CHECK(count(lines, '\r') == 0);
  CHECK(count(lines, '\033') == 0);
  CHECK_THROWS_MATCHES(l0::ProgressBar({.seconds_per_line = -1}), l0::Error,
                       Catch::Matchers::Message("l0: seconds_per_line is -1, expected a finite number >= 0"));
}

TEST_CASE("The progress bar is silent where standard error is not a terminal") {
  CHECK(standard_error_of([] { std::fputs("seen", stderr); }) == "seen");
  l0::test::SparseQuadratic<double> f;
  const auto text = standard_error_of(
      [&] { l0::minimize(f, l0::Vector<double>::Ones(12), {.epochs = 20, .callback = l0::ProgressBar{}}); });
  CHECK(text.empty());
  CHECK(f.calls() > 20);
}

}  // namespace tests::callbacks::progress
#endif
