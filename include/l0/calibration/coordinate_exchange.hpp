// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/calibration/coordinate_records.hpp>
#include <l0/calibration/inclusion.hpp>

namespace l0::detail {

/// A fixed number of records that stand for all: drawn with probabilities π, then exchanged one for another.
///
/// Every record has a reference d = w₀/π, what it stands for if it is one of the drawn; over many draws Σ d M is the
/// sum over all records, whether it is a target or not. An exchange takes a chosen record out and puts in whichever of
/// it and a few closed ones serves the objective best,
///
///     loss(M w) + ν Σ (w/d − 1)²  over the chosen,
///
/// at first at w = d, then with weights that may move at a price ν that falls. Neither step prefers large records or
/// small ones, as closing the least worthy does, so that the sample goes on standing for what is no target.
template <class Scalar>
class CoordinateExchange : public CoordinateRecords<Scalar> {
  using Base = CoordinateRecords<Scalar>;

 protected:
  using Base::at, Base::anchor_, Base::highest_, Base::is_open_, Base::lowest_, Base::open_, Base::problem_,
      Base::records_, Base::reference_, Base::ridge_, Base::start_, Base::total_, Base::weight_;

  static constexpr double may_replace = 1;  // how much lower log α may start of a record that another makes room for

  using Base::Base;

  /// Draws the records to begin with; their references from here on are what they stand for in the sample.
  void draw(Index count) {
    const CompactMatrix<Scalar>& m = problem_.matrix();
    std::vector<Double<Scalar>> size(at(records_), 0.0);
    is_eligible_.assign(at(records_), 0);
    eligible_ = 0;
    for (const bool empty_too : {false, true}) {  // records without entries come in where there are too few others
      if (eligible_ >= count) break;
      for (Index j = 0; j < records_; ++j) {
        if (!(start_.weight[at(j)] > 0) || is_eligible_[at(j)] || (m.column_entries(j) == 0 && !empty_too)) continue;
        size[at(j)] = reference_[at(j)];
        is_eligible_[at(j)] = 1;
        if (++eligible_ >= count && empty_too) break;
      }
    }
    const auto share = largest_shares(m, size, problem_.rows_that_count());
    const auto probability = inclusion_probabilities(size, share, count);
    for (std::size_t j = 0; j < size.size(); ++j) {
      if (probability[j] > 0) reference_[j] /= probability[j];
      size[j] *= std::exp(std::clamp(start_.log_alpha[j], -30.0, 30.0));  // the odds of being kept
    }
    is_open_ = systematic_sample(inclusion_probabilities(size, share, count), count);
    for (Index j = 0; j < records_; ++j) weight_[at(j)] = is_open_[at(j)] ? held(j) : Scalar(0);
    Base::list_open();
  }

  /// Takes every chosen record out in turn and puts in the best of it and the closed records that are next, at their
  /// references or at their best weights. All closed records are looked at once.
  void exchange(bool at_references) {
    chosen_ = open_;
    const double each = static_cast<double>(eligible_ - Base::open()) / static_cast<double>(chosen_.size());
    double due = 0;
    for (const Index out : chosen_) {
      put(out, 0);
      is_open_[at(out)] = 0;
      Offer best = offer(out, at_references);
      for (due += each; due >= 1; due -= 1) {
        do next_ = (next_ + 1) % records_;
        while (is_open_[at(next_)] || !is_eligible_[at(next_)]);
        if (start_.log_alpha[at(next_)] < start_.log_alpha[at(out)] - may_replace) continue;
        const Offer other = offer(next_, at_references);
        if (other.price < best.price) best = other;
      }
      put(best.record, best.weight);
      is_open_[at(best.record)] = 1;
    }
    Base::list_open();
  }

  /// Opens at most so many closed records, those which serve best.
  void open_best(Index most) {
    offers_.resize(at(records_));
    const ColumnPieces pieces(records_);
    Base::workers_.run(pieces.count(), [&](Index piece) {
      for (Index c = 0; c < pieces.length(piece); ++c) {
        const Index j = pieces.first(piece) + c;
        offers_[at(j)] = {j, 0, 0};
        if (is_open_[at(j)] || !is_eligible_[at(j)]) continue;
        offers_[at(j)] = offer(j, false);
        offers_[at(j)].price /= 1 + std::exp(-start_.log_alpha[at(j)]);  // times the keep probability
      }
    });
    std::erase_if(offers_, [](const Offer& a) { return !(a.price < 0); });
    most = std::min(most, static_cast<Index>(offers_.size()));
    std::partial_sort(offers_.begin(), offers_.begin() + most, offers_.end(), [](const Offer& a, const Offer& b) {
      return a.price != b.price ? a.price < b.price : a.record < b.record;
    });
    chosen_.clear();
    for (Index c = 0; c < most; ++c) chosen_.push_back(offers_[at(c)].record);
    Base::reopen(chosen_);
  }

  template <class Archive>
  void archive_exchange(Archive& archive) {
    archive(next_);
    if constexpr (Archive::reads) archive.require(next_ >= 0 && next_ < std::max<Index>(records_, 1));
  }

 private:
  struct Offer {
    Index record;
    Scalar weight;
    Double<Scalar> price;  ///< what the objective rises by
  };

  Scalar held(Index j) const {
    return std::min(std::max(static_cast<Scalar>(reference_[at(j)]), Base::least(j)), highest_[at(j)]);
  }

  /// What the objective rises by if record j, now at 0, gets a weight.
  Offer offer(Index j, bool at_reference) const {
    Scalar half = 0;
    Scalar h = 0;
    problem_.look_at(j, half, h);
    const double slope = static_cast<double>(half) + Base::total_slope();
    const double curvature = static_cast<double>(h + ridge_[at(j)]) + Base::total_curvature();
    const auto anchor = static_cast<double>(anchor_[at(j)]);
    Scalar weight = held(j);
    if (!at_reference) {
      const double wanted = curvature > 0 ? (anchor - slope) / curvature : 0;
      weight = std::min(std::max(static_cast<Scalar>(wanted), Base::least(j)), highest_[at(j)]);
    }
    const auto b = static_cast<double>(weight);
    return {j, weight, b * (2 * (slope - anchor) + curvature * b)};
  }

  void put(Index j, Scalar weight) {
    const Scalar change = weight - weight_[at(j)];
    weight_[at(j)] = weight;
    problem_.move(j, change);
    total_.residual += static_cast<double>(change) * total_.inverse;
  }

  std::vector<char> is_eligible_;
  Index eligible_ = 0;
  Index next_ = 0;  // of the records that are looked at
  std::vector<Offer> offers_;
  std::vector<Dependent<Index, Scalar>> chosen_;
};

}  // namespace l0::detail
