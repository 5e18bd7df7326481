#pragma once
#include <anser/io/pool.hpp>
#include <string>

namespace anser::cli {

/// What is told of an expert in lists.
struct ExpertSummary {
  std::string ranks = "-";  // "8", or "4-16"; "-" for kinds without
  std::string targets;      // "q,v": last parts of its sites
  std::uint64_t parameters = 0;
  std::string base;  // the base model's name where one is recorded
  std::string steps = "-";
};

ExpertSummary summarise(const Expert& expert);

}  // namespace anser::cli
