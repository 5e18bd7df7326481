// Who owns the nearest line: the retrieval baselines of the miniature.
#include <algorithm>
#include <cmath>
#include <map>

#include "reproduce_phatgoose.hpp"

namespace anser::cli {
namespace {

std::map<std::string, double> count_words(const std::string& text) {
  std::map<std::string, double> counts;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t blank = std::min(text.find(' ', from), text.size());
    if (blank > from) ++counts[text.substr(from, blank - from)];
    from = blank + 1;
  }
  return counts;
}

}  // namespace

std::vector<int> nearest_by_words(const std::vector<std::vector<std::string>>& lines_of_experts,
                                  const std::vector<std::string>& questions) {
  struct Entry {
    std::size_t line;
    double weight;
  };
  std::map<std::string, std::vector<Entry>> index;  // by word
  std::vector<int> owner;
  for (std::size_t e = 0; e < lines_of_experts.size(); ++e)
    for (const auto& text : lines_of_experts[e]) {
      for (const auto& [word, n] : count_words(text)) index[word].push_back({owner.size(), n});
      owner.push_back(int(e));
    }
  // Rare words say more: log((1 + lines) / (1 + lines with the word)) + 1.
  std::vector<double> squares(owner.size());
  std::map<std::string, double> rarity;
  for (auto& [word, entries] : index) {
    const double rare = std::log((1 + double(owner.size())) / (1 + double(entries.size()))) + 1;
    rarity[word] = rare;
    for (Entry& e : entries) {
      e.weight *= rare;
      squares[e.line] += e.weight * e.weight;
    }
  }
  std::vector<int> nearest;
  for (const auto& question : questions) {
    std::vector<double> products(owner.size());
    for (const auto& [word, n] : count_words(question))
      if (const auto found = index.find(word); found != index.end())
        for (const Entry& e : found->second) products[e.line] += n * rarity[word] * e.weight;
    for (std::size_t i = 0; i < products.size(); ++i)
      if (squares[i] > 0) products[i] /= std::sqrt(squares[i]);
    nearest.push_back(owner[std::size_t(std::max_element(products.begin(), products.end()) - products.begin())]);
  }
  return nearest;
}

std::vector<int> nearest_by_vectors(const std::vector<float>& lines, const std::vector<std::size_t>& counts,
                                    const std::vector<float>& questions, std::size_t width) {
  const auto product = [&](const float* a, const float* b) {
    float sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += a[i] * b[i];
    return sum;
  };
  std::vector<float> over;  // the lengths of the lines
  for (std::size_t at = 0; at < lines.size(); at += width)
    over.push_back(1 / std::sqrt(std::max(product(&lines[at], &lines[at]), 1e-30f)));
  std::vector<int> nearest;
  for (std::size_t q = 0; q < questions.size(); q += width) {
    float most = -2 * std::sqrt(std::max(product(&questions[q], &questions[q]), 1.f));
    int best = 0;
    for (std::size_t e = 0, line = 0; e < counts.size(); ++e)
      for (std::size_t n = counts[e]; n > 0; --n, ++line)
        if (const float near = product(&questions[q], &lines[line * width]) * over[line]; near > most) {
          most = near;
          best = int(e);
        }
    nearest.push_back(best);
  }
  return nearest;
}

}  // namespace anser::cli
