#pragma once
#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "../core/error.hpp"
#include "output_file.hpp"
#include "vocabulary.hpp"

namespace anser {

ANSER_INLINE void train_vocabulary(const std::vector<std::string>& lines, int size, const std::filesystem::path& path) {
  check(!lines.empty(), "train_vocabulary: there are no lines to train on");
  check(size > 3 && size <= 1000000, "train_vocabulary: ", size, " pieces cannot be trained; give 4 to 1,000,000");
  const std::unordered_map<std::string, std::string> settings = {{"model_type", "unigram"},
                                                                 {"vocab_size", std::to_string(size)},
                                                                 {"character_coverage", "1"},
                                                                 {"normalization_rule_name", "nmt_nfkc"},
                                                                 {"pad_id", "0"},
                                                                 {"eos_id", "1"},
                                                                 {"unk_id", "2"},
                                                                 {"bos_id", "-1"},
                                                                 {"num_threads", "1"},
                                                                 {"shuffle_input_sentence", "false"},
                                                                 {"minloglevel", "2"}};
  struct Lines : sentencepiece::SentenceIterator {
    explicit Lines(const std::vector<std::string>& all) : lines(all) {}
    bool done() const override { return at == lines.size(); }
    void Next() override { ++at; }
    const std::string& value() const override { return lines[at]; }
    sentencepiece::util::Status status() const override { return {}; }
    const std::vector<std::string>& lines;
    std::size_t at = 0;
  } text(lines);
  std::string model;
  try {
    const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &text, &model);
    check(status.ok(), "train_vocabulary: the sentencepiece library says: ", status.ToString());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    fail("train_vocabulary: the sentencepiece library says: ", e.what());
  }
  write_file(path.string(), model);
}

}  // namespace anser
