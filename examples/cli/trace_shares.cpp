#include <fmt/core.h>

#include <map>
#include <utility>

#include "trace.hpp"

namespace anser::cli {
namespace {

void add_shares(std::vector<double>& to, const TracedSite& s, std::size_t row) {
  for (std::size_t i = 0; i < s.experts[row].size(); ++i) to[std::size_t(s.experts[row][i])] += s.weights[row][i];
}

}  // namespace

std::pair<std::string, std::string> name_of_site(const std::string& site) {
  const auto block = site.find(".block."), layer = site.find(".layer.");
  if (block == site.npos || layer == site.npos || layer < block) return {"", site};
  std::string rest = site.substr(layer + 7);
  const auto dot = rest.find('.');
  if (dot == rest.npos) return {"", site};
  const std::string number = rest.substr(0, dot);
  rest = rest.substr(dot + 1);
  for (const auto& [long_name, name] : {std::pair<std::string, std::string>{"SelfAttention.", "self "},
                                        {"EncDecAttention.", "cross "},
                                        {"DenseReluDense.", "feed-forward "}})
    if (rest.starts_with(long_name)) rest = name + rest.substr(long_name.size());
  if (rest == "adapter") rest = "after sub-layer " + number;
  return {site.substr(0, block) + ", block " + site.substr(block + 7, layer - block - 7), rest};
}

void MeanWeights::add(const TracedInput& input) {
  for (const TracedSite& s : input.sites) {
    const auto [at, fresh] = places_.try_emplace(s.site, sums_.size());
    if (fresh) {
      sums_.emplace_back(s.site, std::vector<double>(experts_));
      tokens_.push_back(0);
    }
    for (std::size_t row = 0; row < s.experts.size(); ++row) add_shares(sums_[at->second].second, s, row);
    tokens_[at->second] += s.experts.size();
  }
}

std::vector<std::pair<std::string, std::vector<double>>> MeanWeights::means() const {
  auto means = sums_;
  for (std::size_t i = 0; i < means.size(); ++i)
    for (double& v : means[i].second) v /= double(tokens_[i]);
  return means;
}

HeatMap shares_by_site(const std::vector<TracedInput>& inputs, std::size_t experts) {
  HeatMap m{"Experts by site: mean weight over all tokens", "site", {}};
  MeanWeights weights(experts);
  for (const TracedInput& input : inputs) weights.add(input);
  for (auto& [site, share] : weights.means()) {
    const auto [group, label] = name_of_site(site);
    m.rows.push_back({group, label, std::move(share)});
  }
  return m;
}

HeatMap shares_by_token(const TracedInput& input, std::size_t experts) {
  HeatMap m{"Experts by token: mean weight over all sites", "token", {}};
  for (const bool source : {true, false}) {
    const auto& tokens = source ? input.read : input.written;
    std::size_t sites = 0;
    const std::size_t first = m.rows.size();
    for (std::size_t t = 0; t < tokens.size(); ++t)
      m.rows.push_back({source ? "encoder's tokens" : "decoder's tokens", fmt::format("{} {}", t + 1, tokens[t]),
                        std::vector<double>(experts)});
    for (const TracedSite& s : input.sites) {
      if (s.reads_source != source) continue;
      ++sites;
      for (std::size_t row = 0; row < s.experts.size(); ++row) add_shares(m.rows[first + row].share, s, row);
    }
    for (std::size_t t = 0; sites && t < tokens.size(); ++t)
      for (double& v : m.rows[first + t].share) v /= double(sites);
  }
  return m;
}

}  // namespace anser::cli
