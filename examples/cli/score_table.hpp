#pragma once
#include <anser/eval/results.hpp>
#include <string>
#include <vector>

namespace anser::cli {

/// A mean over seeds in %, with how far to trust it: Student's interval, of few seeds the least and the most, of one
/// seed the interval over examples where there is one.
std::string score_text(const std::vector<double>& values, const Interval* over_examples);
/// "NAME, 5 seeds: means in % [...]", above a table of these.
std::string heading_text(const std::string& name, std::size_t seeds);
/// Methods down, a group's metrics across; nothing where no task is in the group.
std::string metric_table(const Results& results, const std::string& group);

}  // namespace anser::cli
