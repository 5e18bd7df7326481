#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "batches.hpp"
#include "examples.hpp"
#include "mixture.hpp"

namespace anser {

/// Texts as token ids, for one step's batch. Rows are ragged: the model pads them.
struct TokenBatch {
  std::vector<std::vector<std::int32_t>> inputs, targets;
  std::vector<std::vector<std::vector<std::int32_t>>> choices;  // per example; empty lists where it has none
  std::vector<int> labels;                                      // the right choice, or -1
  std::vector<std::string> tasks, places;
};

/// How long texts may be, in tokens with the end; what is longer is cut, and the end kept.
struct TextLimits {
  int input = 512, target = 512;
};

/// The batches of a training, one after the other without end: files are mixed, windows of examples sorted by length
/// and cut. Which batch comes when depends on files and settings alone.
class Feed {
 public:
  using Encode = std::function<std::vector<std::int32_t>(const std::string&)>;

  /// `encode` turns a text into ids with the end of text. Throws Error naming the file at fault.
  Feed(const std::vector<std::string>& files, const Mixing& mixing, const Batching& batching, const TextLimits& limits,
       Encode encode)
      : files_(open(files)),
        mixture_(sizes(files_), mixing),
        batching_(batching),
        limits_(limits),
        random_{mixing.seed, 2},
        encode_(std::move(encode)) {
    check(limits.input > 0 && limits.target > 0, "feed: texts of at most ", limits.input, " and ", limits.target,
          " tokens; at least 1");
  }

  /// Throws Error naming file and line where an example is none.
  TokenBatch next() {
    while (at_ >= batches_.size()) {
      if (loaded_) ++window_;
      load();
      at_ = 0;
    }
    return collect(batches_[at_++]);
  }

  /// Where the next batch is: a window, and a batch in it.
  std::pair<std::uint64_t, std::size_t> position() const { return {window_, at_}; }
  void seek(std::pair<std::uint64_t, std::size_t> position) {
    window_ = position.first;
    load();
    at_ = position.second;
    check(at_ <= batches_.size(), "feed: window ", window_, " has ", batches_.size(), " batches and no number ", at_,
          "; the data or the settings are not those of the training that was stopped");
  }

  /// The held-out examples in batches, in the order in which they were drawn; of many the first of each file in turn.
  std::vector<TokenBatch> held_out(std::size_t most = std::size_t(-1)) const {
    return batches_of(spread(mixture_.held_out(), most));
  }
  /// All examples in batches, in the order of the files; of many the first of each file in turn.
  std::vector<TokenBatch> whole(std::size_t most = std::size_t(-1)) const {
    std::vector<Mixture::Place> places;
    for (std::size_t f = 0; f < files_.size(); ++f)
      for (std::size_t i = 0; i < std::min(most, files_[f]->size()); ++i) places.push_back({f, i});
    return batches_of(spread(std::move(places), most));
  }

 private:
  struct Read {
    Example example;
    std::vector<std::int32_t> input, target;
    std::vector<std::vector<std::int32_t>> choices;
  };

  static std::vector<std::unique_ptr<ExampleFile>> open(const std::vector<std::string>& paths) {
    check(!paths.empty(), "feed: no data files");
    std::vector<std::unique_ptr<ExampleFile>> files;
    for (const auto& p : paths) files.push_back(std::make_unique<ExampleFile>(p));
    return files;
  }
  static std::vector<std::size_t> sizes(const std::vector<std::unique_ptr<ExampleFile>>& files) {
    std::vector<std::size_t> n;
    for (const auto& f : files) n.push_back(f->size());
    return n;
  }

  std::vector<std::int32_t> encode(const std::string& text, int most) const {
    auto ids = encode_(text);
    if (ids.size() > std::size_t(most)) {
      const std::int32_t end = ids.back();
      ids.resize(std::size_t(most));
      ids.back() = end;
    }
    return ids;
  }
  Read read(const Mixture::Place& place) const {
    Read r{(*files_[place.file])[place.example], {}, {}, {}};
    r.input = encode(r.example.input, limits_.input);
    r.target = encode(r.example.target, limits_.target);
    if (r.example.label >= 0)
      for (const auto& c : r.example.choices) r.choices.push_back(encode(c, limits_.target));
    return r;
  }
  /// At most so many of the places, taken from the files in turn.
  std::vector<Mixture::Place> spread(std::vector<Mixture::Place> places, std::size_t most) const {
    if (places.size() <= most) return places;
    std::vector<std::size_t> rank(places.size()), seen(files_.size());
    for (std::size_t i = 0; i < places.size(); ++i) rank[i] = seen[places[i].file]++;
    std::vector<std::size_t> order(places.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
    order.resize(most);
    std::sort(order.begin(), order.end());
    std::vector<Mixture::Place> kept;
    for (const std::size_t i : order) kept.push_back(places[i]);
    return kept;
  }
  std::vector<TokenBatch> batches_of(const std::vector<Mixture::Place>& places) const {
    std::vector<TokenBatch> all;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i % std::size_t(batching_.examples) == 0) all.emplace_back();
      append(all.back(), read(places[i]));
    }
    return all;
  }
  void load() {
    const std::size_t n = std::size_t(batching_.examples) * std::size_t(batching_.window);
    std::vector<Lengths> lengths;
    read_.clear();
    for (const auto& place : mixture_.draw(window_ * n, n)) {
      read_.push_back(read(place));
      lengths.push_back({int(read_.back().input.size()), int(read_.back().target.size())});
    }
    batches_ = cut_batches(lengths, batching_, random_.fork(window_));
    loaded_ = true;
  }
  TokenBatch collect(const std::vector<std::size_t>& members) const {
    TokenBatch batch;
    for (const std::size_t i : members) append(batch, read_[i]);
    return batch;
  }
  static void append(TokenBatch& batch, const Read& r) {
    batch.inputs.push_back(r.input);
    batch.targets.push_back(r.target);
    batch.choices.push_back(r.choices);
    batch.labels.push_back(r.example.label);
    batch.tasks.push_back(r.example.task);
    batch.places.push_back(r.example.place);
  }

  std::vector<std::unique_ptr<ExampleFile>> files_;
  Mixture mixture_;
  Batching batching_;
  TextLimits limits_;
  Random random_;
  Encode encode_;
  std::uint64_t window_ = 0;
  bool loaded_ = false;
  std::vector<Read> read_;  // the window's examples
  std::vector<std::vector<std::size_t>> batches_;
  std::size_t at_ = 0;
};

}  // namespace anser
