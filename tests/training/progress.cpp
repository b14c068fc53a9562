// SPDX-License-Identifier: MIT
#include <l0/training/progress.hpp>

#include "support/catch.hpp"
#include "training/objectives.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <cstdio>

#include <unistd.h>

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

}  // namespace

TEST_CASE("The progress bar is silent where standard error is not a terminal") {
  CHECK(standard_error_of([] { std::fputs("seen", stderr); }) == "seen");
  l0::test::SparseQuadratic<double> f;
  const auto text = standard_error_of(
      [&] { l0::minimize(f, l0::Vector<double>::Ones(12), {.epochs = 20, .callback = l0::ProgressBar{}}); });
  CHECK(text.empty());
  CHECK(f.calls() > 20);
}
#endif
