#pragma once
#include <string>
#include <vector>

namespace anser::cli {

/// Which experts the rows of one site were given to.
struct TracedSite {
  std::string stack, site;
  bool reads_source;                        // its rows are the input's tokens, else the decoder's
  std::vector<std::vector<int>> experts;    // [tokens][k] numbers in the pool
  std::vector<std::vector<float>> weights;  // [tokens][k]
};

struct TracedInput {
  std::string text;
  std::vector<std::string> read, written;  // the tokens that the encoder and the decoder read
  std::vector<TracedSite> sites;
};

/// A self-contained page: per input a map of tokens by sites, each cell the colour of its first expert.
std::string trace_page(const std::vector<TracedInput>& inputs, const std::vector<std::string>& experts,
                       const std::string& router);

}  // namespace anser::cli
