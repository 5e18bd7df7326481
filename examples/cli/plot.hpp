#pragma once
#include <anser/train/metrics.hpp>
#include <string>
#include <vector>

namespace anser::cli {

/// The loss over the steps as an SVG: every step faintly, their running mean, and validations as dots. `alone`: a file
/// of its own, not a part of a page.
std::string plot_loss(const std::vector<Metric>& metrics, const std::string& title, const std::string& unit = "",
                      bool alone = true);

struct Curve {
  std::string name;
  std::vector<Metric> metrics;
};
/// The running means of several trainings in one picture, as a part of a page.
std::string plot_losses(const std::vector<Curve>& curves, const std::string& title, const std::string& unit);

}  // namespace anser::cli
