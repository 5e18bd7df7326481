#pragma once
#include <anser/train/metrics.hpp>
#include <string>
#include <vector>

namespace anser::cli {

/// The loss over the steps as an SVG page of its own: every step faintly, their running mean, and validations as dots.
std::string plot_loss(const std::vector<Metric>& metrics, const std::string& title);

}  // namespace anser::cli
