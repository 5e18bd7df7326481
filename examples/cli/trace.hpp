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

  // --leave-one-out: the mean log-likelihood per token of the target, or of what was generated.
  std::string target;
  double whole = 0;             // with all experts
  std::vector<double> without;  // [experts], each left out in turn; empty unless asked for
};

/// Shares of experts: a row is a site or a token, a column an expert.
struct HeatMap {
  struct Row {
    std::string group, label;   // a group's name stands once above its rows
    std::vector<double> share;  // [experts]
  };
  std::string title, axis;  // what a row is
  std::vector<Row> rows;
};
/// Each expert's mean weight at each site, over the tokens of all inputs.
HeatMap shares_by_site(const std::vector<TracedInput>& inputs, std::size_t experts);
/// Each expert's mean weight for each token, over the sites that read it: the encoder's tokens (which cross-attention's
/// k and v read too), then the decoder's.
HeatMap shares_by_token(const TracedInput& input, std::size_t experts);
/// As an SVG that needs nothing else.
std::string heat_map(const HeatMap& map, const std::vector<std::string>& experts);
/// Per expert the change of a log-likelihood when it is left out, likewise.
std::string bar_chart(const std::string& title, const std::vector<std::string>& experts,
                      const std::vector<double>& change);
/// A text as HTML may hold it.
std::string escape(const std::string& text);

/// A self-contained page: which experts each site used and each token, and per input a map of tokens by sites, each
/// cell the colour of its first expert.
std::string trace_page(const std::vector<TracedInput>& inputs, const std::vector<std::string>& experts,
                       const std::string& router);

}  // namespace anser::cli
