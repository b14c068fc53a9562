// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// A regularization path as a table for other programs and as a picture. A door of its own: `l0.hpp` does not include
/// it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/io/csv_field.hpp>
#include <l0/regression/regularization_path.hpp>

namespace l0 {

/// How `to_svg` draws.
struct PathPicture {
  Index width = 800;            ///< of the picture in pixels, ≥ 400
  Index height = 480;           ///< ≥ 200
  std::string title{};          ///< above it
  std::vector<double> scale{};  ///< what coefficients are multiplied by, one per column of X, as the deviations of the
                                ///< columns, which make them comparable; empty: 1
};

namespace detail {

/// The coefficients of feature j at a point, one per response; empty where it is out.
template <class Point>
std::vector<double> path_coefficients(const Point& point, Index j) {
  const auto found = std::lower_bound(point.support.begin(), point.support.end(), j);
  std::vector<double> values;
  if (found == point.support.end() || *found != j) return values;
  const auto row = static_cast<Index>(found - point.support.begin());
  for (Index m = 0; m < point.coefficients.cols(); ++m)
    values.push_back(static_cast<double>(point.coefficients(row, m)));
  return values;
}

/// Places for labels `height` high, in the order of `wanted` (ascending), none over another and all within [low, high]
/// as far as they fit there: those of least squares from where they are wanted (isotonic regression by pooling
/// neighbours).
template <std::same_as<double> Real>
std::vector<Real> label_places(const std::vector<Real>& wanted, Real height, Real low, Real high) {
  struct Pool {
    Real sum;
    Real count;
  };
  std::vector<Pool> pools;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    pools.push_back({wanted[i] - height * static_cast<Real>(i), 1});
    while (pools.size() > 1) {
      const Pool last = pools.back();
      const Pool before = pools[pools.size() - 2];
      if (before.sum * last.count < last.sum * before.count) break;
      pools.pop_back();
      pools.back() = {before.sum + last.sum, before.count + last.count};
    }
  }
  const Real room = std::max(low, high - height * (static_cast<Real>(wanted.size()) - 1));
  std::vector<Real> places;
  for (const Pool& pool : pools) {
    for (Real k = 0; k < pool.count; ++k) {
      places.push_back(std::clamp(pool.sum / pool.count, low, room) + height * static_cast<Real>(places.size()));
    }
  }
  return places;
}

/// Round numbers that cover [low, high].
inline std::vector<double> ticks_of(double low, double high, int about) {
  const double rough = (high - low) / about;
  if (!(rough > 0) || !std::isfinite(rough)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int k = 0; k < 4 * about && (first + k) * step <= high + 1e-9 * step; ++k) ticks.push_back((first + k) * step);
  return ticks;
}

/// Lines, points and words, where y is the number it stands for.
class SvgPanel {
 public:
  SvgPanel(std::string& svg, double left, double top, double width, double height, double x_low, double x_high,
           double y_low, double y_high)
      : svg_(svg), left_(left), top_(top), width_(width), height_(height), x_low_(x_low), x_high_(x_high),
        y_low_(y_low), y_high_(y_high) {}

  double x(double value) const { return left_ + width_ * (value - x_low_) / (x_high_ - x_low_); }
  double y(double value) const { return top_ + height_ * (y_high_ - value) / (y_high_ - y_low_); }

  static std::string pixels(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
  }
  static std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
      if (c == '&') {
        result += "&amp;";
      } else if (c == '<') {
        result += "&lt;";
      } else if (c == '>') {
        result += "&gt;";
      } else if (c == '"') {
        result += "&quot;";
      } else {
        result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      }
    }
    return result;
  }

  void line(double x1, double y1, double x2, double y2, std::string_view style) {
    svg_ += "<line x1=\"" + pixels(x1) + "\" y1=\"" + pixels(y1) + "\" x2=\"" + pixels(x2) + "\" y2=\"" + pixels(y2) +
            "\" " + std::string(style) + "/>\n";
  }
  void words(double at_x, double at_y, std::string_view text, std::string_view style) {
    svg_ += "<text x=\"" + pixels(at_x) + "\" y=\"" + pixels(at_y) + "\" " + std::string(style) + ">" + escaped(text) +
            "</text>\n";
  }
  void curve(const std::vector<double>& xs, const std::vector<double>& ys, const std::string& colour) {
    svg_ += "<polyline fill=\"none\" stroke-width=\"1.8\" stroke=\"" + colour + "\" points=\"";
    for (std::size_t i = 0; i < xs.size(); ++i) svg_ += (i > 0 ? " " : "") + pixels(x(xs[i])) + "," + pixels(y(ys[i]));
    svg_ += "\"/>\n";
  }
  void dot(double at_x, double at_y, double radius, std::string_view style) {
    svg_ += "<circle cx=\"" + pixels(x(at_x)) + "\" cy=\"" + pixels(y(at_y)) + "\" r=\"" + pixels(radius) + "\" " +
            std::string(style) + "/>\n";
  }

  /// A frame with ticks; whole numbers below.
  void axes(const std::string& below, const std::string& above) {
    svg_ += "<rect x=\"" + pixels(left_) + "\" y=\"" + pixels(top_) + "\" width=\"" + pixels(width_) + "\" height=\"" +
            pixels(height_) + "\" fill=\"none\" stroke=\"#888\"/>\n";
    const double bottom = top_ + height_;
    for (const double tick : ticks_of(x_low_, x_high_, 8)) {
      if (tick != std::floor(tick)) continue;
      line(x(tick), bottom, x(tick), bottom + 4, "stroke=\"#888\"");
      words(x(tick), bottom + 17, number(tick), "text-anchor=\"middle\"");
    }
    for (const double tick : ticks_of(y_low_, y_high_, 6)) {
      line(left_ - 4, y(tick), left_, y(tick), "stroke=\"#888\"");
      words(left_ - 7, y(tick) + 4, number(tick), "text-anchor=\"end\"");
    }
    words(left_ + width_ / 2, bottom + 34, below, "text-anchor=\"middle\"");
    words(left_ + width_ / 2, top_ - 8, above, "text-anchor=\"middle\"");
  }

 private:
  static std::string number(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.6g", std::abs(value) < 1e-300 ? 0.0 : value);
    return text;
  }

  std::string& svg_;
  double left_, top_, width_, height_, x_low_, x_high_, y_low_, y_high_;
};

/// Colours far from each other, by the golden ratio around the circle of hues.
inline std::string colour_of(std::size_t k) {
  const double turn = 0.6 + 0.381966 * static_cast<double>(k);
  const double hue = 6 * (turn - std::floor(turn));
  const auto channel = [&](double shift) {
    const double place = std::fmod(hue + shift, 6.0);
    return 0.7 * (1 - 0.8 * std::clamp(std::min(place, 4 - place), 0.0, 1.0));
  };
  char text[16];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", static_cast<unsigned>(255 * channel(5)),
                static_cast<unsigned>(255 * channel(3)), static_cast<unsigned>(255 * channel(1)));
  return text;
}

/// A range with a margin, never empty.
inline void widen(double& low, double& high) {
  const double margin = high > low ? 0.05 * (high - low) : std::max(std::abs(high), 1.0) * 0.05;
  low -= margin;
  high += margin;
}

}  // namespace detail

/// A line of names and a line per point: size, λ, mean loss, criterion, loss on held-out folds and its standard error
/// (empty without folds), the intercept and the coefficients of all features that are in at some size, 0 where they are
/// out. With several responses names end in [0], [1], ...
template <class Scalar, int Responses>
std::string to_csv(const RegularizationPath<Scalar, Responses>& path) {
  const std::vector<Index> features = path.features();
  const Index responses = path.points.empty() ? 1 : path.points.front().coefficients.cols();
  std::string text = "size,lambda,loss,criterion,cv_loss,cv_error";
  const auto names = [&](const std::string& name) {
    for (Index m = 0; m < responses; ++m)
      text += ',' + csv_field(responses == 1 ? name : name + '[' + detail::to_text(m) + ']');
  };
  names("intercept");
  for (const Index j : features) names(path.feature_name(j));
  text += '\n';
  for (const auto& point : path.points) {
    text += detail::to_text(point.size);
    for (const double value : {point.lambda, point.loss, point.criterion, point.cv_loss, point.cv_error})
      text += ',' + (std::isnan(value) ? std::string() : detail::to_text(value));
    for (Index m = 0; m < responses; ++m) {
      if constexpr (Responses == 1) {
        text += ',' + detail::to_text(point.intercept);
      } else {
        text += ',' + detail::to_text(point.intercept(m));
      }
    }
    for (const Index j : features) {
      std::vector<double> values = detail::path_coefficients(point, j);
      values.resize(static_cast<std::size_t>(responses), 0.0);
      for (const double value : values) text += ',' + detail::to_text(static_cast<Scalar>(value));
    }
    text += '\n';
  }
  return text;
}

/// A picture: coefficients against the size, each line with its name beside its end, and with folds the held-out loss
/// with a standard error to either side; the chosen size is marked. With several responses lines are the lengths of the
/// rows. Where there is no room for all names, the largest coefficients keep theirs. Throws `Error` for an empty path,
/// a picture too small, and a `scale` of another length than the columns.
///
///     std::ofstream("path.svg") << l0::to_svg(path, {.title = "diabetes"});
template <class Scalar, int Responses>
std::string to_svg(const RegularizationPath<Scalar, Responses>& path, const PathPicture& picture = {}) {
  using detail::SvgPanel;
  if (path.points.empty()) detail::fail("the path", "empty", "a point at least");
  detail::require(picture.width >= 400, "width", picture.width, "a number >= 400");
  detail::require(picture.height >= 200, "height", picture.height, "a number >= 200");
  const std::vector<Index> features = path.features();
  if (!picture.scale.empty() && !features.empty() && features.back() >= static_cast<Index>(picture.scale.size()))
    detail::fail("scale", detail::to_text(picture.scale.size()) + " entries", "one for each column of X");

  struct Curve {
    std::vector<double> values;
    std::string name;
    double largest = 0;
  };
  std::vector<Curve> curves;
  std::vector<double> sizes;
  double low = 0;
  double high = 0;
  for (const auto& point : path.points) sizes.push_back(static_cast<double>(point.size));
  for (const Index j : features) {
    Curve curve{{}, path.feature_name(j)};
    const double scale = picture.scale.empty() ? 1 : picture.scale[static_cast<std::size_t>(j)];
    for (const auto& point : path.points) {
      const std::vector<double> row = detail::path_coefficients(point, j);
      double value = row.size() == 1 ? row[0] : std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
      value *= scale;
      curve.values.push_back(value);
      curve.largest = std::max(curve.largest, std::abs(value));
      low = std::min(low, value);
      high = std::max(high, value);
    }
    curves.push_back(std::move(curve));
  }
  detail::widen(low, high);

  const auto& chosen = path.chosen();
  const auto width = static_cast<double>(picture.width);
  const auto height = static_cast<double>(picture.height);
  const bool folds = !std::isnan(chosen.cv_loss);
  constexpr double left = 64;
  constexpr double below = 46;
  constexpr double label_height = 13;
  const double top = picture.title.empty() ? 30 : 54;
  std::size_t longest = 4;
  for (const Curve& curve : curves) longest = std::max(longest, curve.name.size());
  const double names = std::min(7.0 * static_cast<double>(longest) + 22, width / 4);
  const double panel = (folds ? 0.62 * width : width - 10) - left - names;
  const double floor = height - top - below;

  const std::string size =
      " width=\"" + detail::to_text(picture.width) + "\" height=\"" + detail::to_text(picture.height) + "\"";
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + size + " viewBox=\"0 0 " +
                    detail::to_text(picture.width) + " " + detail::to_text(picture.height) +
                    "\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#222\">\n<rect" + size +
                    " fill=\"#fff\"/>\n";
  const double last = std::max(sizes.back(), sizes.front() + 1);
  const std::string dashed = "stroke=\"#999\" stroke-dasharray=\"4 3\"";
  {
    SvgPanel lines(svg, left, top, panel, floor, sizes.front(), last, low, high);
    if (!picture.title.empty()) lines.words(width / 2, 24, picture.title, "text-anchor=\"middle\" font-size=\"15\"");
    lines.axes("features in the model", Responses == 1 ? "coefficients" : "lengths of rows of coefficients");
    lines.line(left, lines.y(0), left + panel, lines.y(0), "stroke=\"#ccc\"");
    const double at = lines.x(static_cast<double>(chosen.size));
    lines.line(at, top, at, top + floor, dashed);
    for (std::size_t k = 0; k < curves.size(); ++k) lines.curve(sizes, curves[k].values, detail::colour_of(k));
    // The names, from the top down.
    std::vector<std::size_t> order(curves.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto room = static_cast<std::size_t>(floor / label_height) + 1;
    if (order.size() > room) {
      std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return curves[a].largest != curves[b].largest ? curves[a].largest > curves[b].largest : a < b;
      });
      order.resize(room);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return curves[a].values.back() != curves[b].values.back() ? curves[a].values.back() > curves[b].values.back()
                                                                : a < b;
    });
    std::vector<double> wanted;
    for (const std::size_t k : order) wanted.push_back(lines.y(curves[k].values.back()));
    const std::vector<double> places = detail::label_places(wanted, label_height, top, top + floor);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::string colour = detail::colour_of(order[i]);
      lines.line(lines.x(sizes.back()), wanted[i], left + panel + 14, places[i],
                 "stroke-width=\"0.6\" stroke=\"" + colour + "\"");
      lines.words(left + panel + 17, places[i] + 4, curves[order[i]].name, "font-size=\"11\" fill=\"" + colour + "\"");
    }
  }
  if (folds) {
    double least = chosen.cv_loss;
    double most = chosen.cv_loss + chosen.cv_error;
    for (const auto& point : path.points) {
      least = std::min(least, point.cv_loss - point.cv_error);
      most = std::max(most, point.cv_loss + point.cv_error);
    }
    detail::widen(least, most);
    const double begin = 0.62 * width + left + 6;
    SvgPanel held(svg, begin, top, width - begin - 12, floor, sizes.front(), last, least, most);
    held.axes("features in the model", "loss on held-out folds");
    const double at = held.x(static_cast<double>(chosen.size));
    held.line(at, top, at, top + floor, dashed);
    for (const auto& point : path.points) {
      const auto k = static_cast<double>(point.size);
      held.line(held.x(k), held.y(point.cv_loss - point.cv_error), held.x(k), held.y(point.cv_loss + point.cv_error),
                "stroke=\"#9bb8d8\"");
      held.dot(k, point.cv_loss, 2.6, "fill=\"#2166ac\"");
    }
    held.dot(static_cast<double>(chosen.size), chosen.cv_loss, 5,
             "fill=\"none\" stroke=\"#b2182b\" stroke-width=\"2\"");
  }
  return svg + "</svg>\n";
}

}  // namespace l0
