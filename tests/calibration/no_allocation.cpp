// SPDX-License-Identifier: MIT
#include <l0/calibration/calibration.hpp>

#include "calibration/problems.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"

namespace tests::calibration::no_allocation {

TEST_CASE("Passes after the first few take no memory from the heap") {
  const l0::test::Survey<float> survey(4, 3, 30, 4);
  for (const l0::CalibrationMethod method : {l0::CalibrationMethod::coordinate, l0::CalibrationMethod::gradient}) {
    for (const l0::CalibrationLoss loss : {l0::CalibrationLoss::relative, l0::CalibrationLoss::capped}) {
      CAPTURE(static_cast<int>(method), static_cast<int>(loss));
      l0::SparseCalibrationWeights<float> cal(
          survey.m.cols(),
          {.max_records = 60, .initial_weights = survey.start, .method = method, .epochs = 100, .refit_epochs = 30});
      int counted = 0;
      l0::CalibrationTask task{.loss = loss};
      task.callback = [&](const l0::StepReport& report) {
        l0::test::is_counting = false;
        // The first look at closed records fills the list of candidates, a few passes into the second half.
        const bool settled = report.step >= (report.stage == "gates" ? 60 : 2);
        if (settled && l0::test::allocation_count > 0) counted += l0::test::allocation_count;
        l0::test::allocation_count = 0;
        l0::test::is_counting = settled && report.step < report.steps - 1;
      };
      cal.fit(survey.m, survey.targets, task);
      l0::test::is_counting = false;
      CHECK(counted == 0);
    }
  }
}

}  // namespace tests::calibration::no_allocation
