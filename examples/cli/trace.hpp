#pragma once
#include <map>
#include <string>
#include <utility>
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
    int marked = -1;            // the expert whose cell is outlined
  };
  std::string title, axis;  // what a row is
  std::vector<Row> rows;
};
/// Each expert's mean weight at each site, over the tokens of all inputs.
HeatMap shares_by_site(const std::vector<TracedInput>& inputs, std::size_t experts);
/// Each expert's mean weight for each token, over the sites that read it: the encoder's tokens (which cross-attention's
/// k and v read too), then the decoder's.
HeatMap shares_by_token(const TracedInput& input, std::size_t experts);
/// Each site's mean weights over the tokens of many inputs.
class MeanWeights {
 public:
  explicit MeanWeights(std::size_t experts) : experts_(experts) {}
  void add(const TracedInput& input);
  /// By site, in the order of the model: [experts].
  std::vector<std::pair<std::string, std::vector<double>>> means() const;

 private:
  std::size_t experts_;
  std::vector<std::pair<std::string, std::vector<double>>> sums_;
  std::vector<std::size_t> tokens_;
  std::map<std::string, std::size_t> places_;
};
/// "encoder.block.3.layer.0.SelfAttention.q" -> {"encoder, block 3", "self q"}; other names stay whole.
std::pair<std::string, std::string> name_of_site(const std::string& site);
/// As an SVG that needs nothing else.
std::string heat_map(const HeatMap& map, const std::vector<std::string>& experts);
/// The same without numbers, to stand beside others: experts by number, `marked` outlined.
std::string small_heat_map(const HeatMap& map, std::size_t experts, int marked);
/// Per expert the change of a log-likelihood when it is left out, likewise.
std::string bar_chart(const std::string& title, const std::vector<std::string>& experts,
                      const std::vector<double>& change);
/// A self-contained page: which experts each site used and each token, and per input a map of tokens by sites, each
/// cell the colour of its first expert.
std::string trace_page(const std::vector<TracedInput>& inputs, const std::vector<std::string>& experts,
                       const std::string& router);

}  // namespace anser::cli
