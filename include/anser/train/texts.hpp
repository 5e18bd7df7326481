#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../io/examples.hpp"
#include "../io/plain_text.hpp"
#include "mixture.hpp"
#include "span_corruption.hpp"

namespace anser {

/// How long texts may be, in tokens with the end; what is longer is cut, and the end kept.
struct TextLimits {
  int input = 512, target = 512;
  /// Told of each text that is cut: "file:line", how many tokens it has, and how many it keeps.
  std::function<void(const std::string& place, std::size_t tokens, int kept)> on_cut{};
};

/// What is learned of one text: token ids with the end.
struct EncodedText {
  std::vector<std::int32_t> input, target;
  std::vector<std::vector<std::int32_t>> choices;
  int label = -1;           // the right choice, or -1
  std::string task, place;  // place: "file:line"
};

/// Turns a text into ids with the end of text.
using Encode = std::function<std::vector<std::int32_t>(const std::string&)>;

/// Files of texts: how many each has, and how one is read. A reading may give several examples, or none, and draw.
struct Texts {
  std::vector<std::size_t> sizes;
  std::function<std::vector<EncodedText>(const Mixture::Place&, Random)> read;
};

namespace detail {
template <class File>
std::shared_ptr<const std::vector<File>> open_texts(const std::vector<std::string>& paths, Texts& texts) {
  check(!paths.empty(), "feed: no data files");
  const auto files = std::make_shared<std::vector<File>>();
  for (const auto& p : paths) texts.sizes.push_back(files->emplace_back(p).size());
  return files;
}
}  // namespace detail

/// JSONL files, one example a line. Throws Error naming the file at fault; reading names file and line.
inline Texts example_texts(const std::vector<std::string>& paths, const TextLimits& limits, Encode encode) {
  check(limits.input > 0 && limits.target > 0, "feed: texts of at most ", limits.input, " and ", limits.target,
        " tokens; at least 1");
  Texts texts;
  const auto files = detail::open_texts<ExampleFile>(paths, texts);
  texts.read = [files, limits, encode = std::move(encode)](const Mixture::Place& at, Random) {
    const Example e = (*files)[at.file][at.example];
    const auto cut = [&](const std::string& text, int most) {
      auto ids = encode(text);
      if (ids.size() > std::size_t(most)) {
        if (limits.on_cut) limits.on_cut(e.place, ids.size(), most);
        const std::int32_t end = ids.back();
        ids.resize(std::size_t(most));
        ids.back() = end;
      }
      return ids;
    };
    EncodedText r{cut(e.input, limits.input), cut(e.target, limits.target), {}, e.label, e.task, e.place};
    if (e.label >= 0)
      for (const auto& c : e.choices) r.choices.push_back(cut(c, limits.target));
    return std::vector{r};
  };
  return texts;
}

/// Plain text for pretraining, one document a line: cut into pieces whose corrupted form is within the limits, all
/// read together. `sentinels` are the ids of <extra_id_0> and so on (find_sentinels). Throws Error naming the file at
/// fault, and where targets do not fit the limits; reading names file and line.
inline Texts corrupted_texts(const std::vector<std::string>& paths, const TextLimits& limits, Encode encode,
                             const SpanCorruption& o, std::vector<std::int32_t> sentinels) {
  const auto longest = longest_text(limits.input, o);
  check(longest.target(o) <= limits.target, "feed: corrupted inputs of ", limits.input, " tokens have targets of ",
        longest.target(o), ", and the limit is ", limits.target, "; allow longer targets, or shorter inputs");
  Texts texts;
  const auto files = detail::open_texts<PlainText>(paths, texts);
  texts.read = [files, encode = std::move(encode), o, sentinels = std::move(sentinels),
                most = std::size_t(longest.tokens)](const Mixture::Place& at, Random random) {
    const PlainText& file = (*files)[at.file];
    std::vector<EncodedText> pieces;
    const auto ids = encode(file[at.example]);
    check(!ids.empty(), file.place(at.example), ": encoded without its end");
    const std::span text(ids.data(), ids.size() - 1);
    try {
      for (std::size_t from = 0; from < text.size(); from += most) {
        const auto piece = text.subspan(from, std::min(most, text.size() - from));
        auto c = corrupt_spans(piece, sentinels, ids.back(), random.fork(from), o);
        pieces.push_back({std::move(c.input), std::move(c.target), {}, -1, {}, file.place(at.example)});
      }
    } catch (const Error& e) {
      fail(file.place(at.example), ": ", e.what());
    }
    return pieces;
  };
  return texts;
}

}  // namespace anser
