#pragma once
#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "batches.hpp"
#include "texts.hpp"

namespace anser {

/// Texts as token ids, for one step's batch. Rows are ragged: the model pads them.
struct TokenBatch {
  std::vector<std::vector<std::int32_t>> inputs, targets;
  std::vector<std::vector<std::vector<std::int32_t>>> choices;  // per example; empty lists where it has none
  std::vector<int> labels;                                      // the right choice, or -1
  std::vector<std::string> tasks, places;
};

/// The greatest sizes of a batch: rows, tokens, choices.
struct BatchExtent {
  std::size_t rows = 0, input = 0, target = 0, choices = 0;

  static BatchExtent of(const TokenBatch& texts) {
    BatchExtent e{texts.inputs.size(), 0, 0, 0};
    for (const auto& r : texts.inputs) e.input = std::max(e.input, r.size());
    for (const auto& r : texts.targets) e.target = std::max(e.target, r.size());
    for (const auto& choices : texts.choices) {
      e.choices = std::max(e.choices, choices.size());
      for (const auto& c : choices) e.target = std::max(e.target, c.size());
    }
    return e;
  }
  bool within(const BatchExtent& o) const {
    return rows <= o.rows && input <= o.input && target <= o.target && choices <= o.choices;
  }
  BatchExtent joined(const BatchExtent& o) const {
    return {std::max(rows, o.rows), std::max(input, o.input), std::max(target, o.target), std::max(choices, o.choices)};
  }
  /// A batch that fills these sizes, all of one token.
  TokenBatch filled(std::int32_t token) const {
    const auto text = [&](std::size_t n) { return std::vector<std::int32_t>(n, token); };
    TokenBatch b;
    b.inputs.assign(rows, text(input));
    b.targets.assign(rows, text(target));
    b.choices.assign(rows, {choices, text(target)});
    b.labels.assign(rows, choices > 0 ? 0 : -1);
    b.tasks.assign(rows, {});
    b.places.assign(rows, "the plan of memory");
    return b;
  }
};

/// The batches of a training, one after the other without end: files are mixed, windows of examples sorted by length
/// and cut. Which batch comes when depends on files and settings alone.
class Feed {
 public:
  using Encode = anser::Encode;

  /// Of examples, of corrupted plain text, or of what one's own reading makes. Throws Error for settings out of range.
  Feed(Texts texts, const Mixing& mixing, const Batching& batching)
      : texts_(std::move(texts)), mixture_(texts_.sizes, mixing), batching_(batching), seed_(mixing.seed) {
    batching.validate();
  }

  /// Of JSONL files. Throws Error naming the file at fault.
  Feed(const std::vector<std::string>& files, const Mixing& mixing, const Batching& batching, const TextLimits& limits,
       Encode encode)
      : Feed(example_texts(files, limits, std::move(encode)), mixing, batching) {}

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

  /// For messages and checkpoints: how many examples the files have, how they are drawn and cut.
  std::string describe() const {
    std::string text = "files of ";
    for (std::size_t i = 0; i < texts_.sizes.size(); ++i) text += (i ? " + " : "") + std::to_string(texts_.sizes[i]);
    return concat(text, " examples, seed ", seed_, ", batches of ", batching_.examples,
                  batching_.tokens ? concat(" and ", batching_.tokens, " tokens") : "");
  }

  /// The greatest sizes that the batches of the window have.
  BatchExtent extent_of_window() {
    if (!loaded_) load();
    BatchExtent e;
    for (const auto& batch : batches_) e = e.joined(BatchExtent::of(collect(batch)));
    return e;
  }

  /// The held-out examples in batches, in the order in which they were drawn; of many the first of each file in turn.
  std::vector<TokenBatch> held_out(std::size_t most = std::size_t(-1)) const {
    return batches_of(first_of(mixture_.held_out(), most));
  }
  /// All examples in batches, in the order of the files; of many the first of each file in turn.
  std::vector<TokenBatch> whole(std::size_t most = std::size_t(-1)) const {
    std::vector<Mixture::Place> places;
    for (std::size_t f = 0; f < texts_.sizes.size(); ++f)
      for (std::size_t i = 0; i < std::min(most, texts_.sizes[f]); ++i) places.push_back({f, i});
    return batches_of(first_of(std::move(places), most));
  }

 private:
  /// At most so many of the places, taken from the files in turn; their order stays.
  std::vector<Mixture::Place> first_of(std::vector<Mixture::Place> places, std::size_t most) const {
    if (places.size() <= most) return places;
    std::vector<std::size_t> turn(places.size()), seen(texts_.sizes.size()), order(places.size());
    for (std::size_t i = 0; i < places.size(); ++i) turn[i] = seen[places[i].file]++;
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return turn[a] < turn[b]; });
    order.resize(most);
    std::sort(order.begin(), order.end());
    std::vector<Mixture::Place> kept;
    for (const std::size_t i : order) kept.push_back(places[i]);
    return kept;
  }
  std::vector<TokenBatch> batches_of(const std::vector<Mixture::Place>& places) const {
    std::vector<EncodedText> read;
    const Random random = Random::of(seed_, Draws::held_out);
    for (std::uint64_t drawn = 0; const auto& place : places)
      std::ranges::move(texts_.read(place, random.fork(drawn++)), std::back_inserter(read));
    std::vector<TokenBatch> all;
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (i % std::size_t(batching_.examples) == 0) all.emplace_back();
      append(all.back(), read[i]);
    }
    return all;
  }
  void load() {
    const std::size_t n = std::size_t(batching_.examples) * std::size_t(batching_.window);
    const Random random = Random::of(seed_, Draws::texts);
    std::uint64_t drawn = window_ * n;  // counted from the first, so that a text's next pass draws anew
    read_.clear();
    for (const auto& place : mixture_.draw(drawn, n))
      std::ranges::move(texts_.read(place, random.fork(drawn++)), std::back_inserter(read_));
    check(!read_.empty(), "feed: none of ", n, " texts has a token of the vocabulary");
    std::vector<Lengths> lengths;
    for (const EncodedText& r : read_) lengths.push_back({int(r.input.size()), int(r.target.size())});
    batches_ = cut_batches(lengths, batching_, Random::of(seed_, Draws::batches).fork(window_));
    loaded_ = true;
  }
  TokenBatch collect(const std::vector<std::size_t>& members) const {
    TokenBatch batch;
    for (const std::size_t i : members) append(batch, read_[i]);
    return batch;
  }
  static void append(TokenBatch& batch, const EncodedText& r) {
    batch.inputs.push_back(r.input);
    batch.targets.push_back(r.target);
    batch.choices.push_back(r.choices);
    batch.labels.push_back(r.label);
    batch.tasks.push_back(r.task);
    batch.places.push_back(r.place);
  }

  Texts texts_;
  Mixture mixture_;
  Batching batching_;
  std::uint64_t seed_;
  std::uint64_t window_ = 0;
  bool loaded_ = false;
  std::vector<EncodedText> read_;  // the window's examples
  std::vector<std::vector<std::size_t>> batches_;
  std::size_t at_ = 0;
};

}  // namespace anser
