#pragma once
/// Texts as vectors: a sentence encoder of the kind of all-MiniLM-L6-v2, from files.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bert/model.hpp"
#include "io/hf.hpp"
#include "io/wordpiece.hpp"

namespace anser {

/// What the files of a sentence encoder say besides its weights and vocabulary.
struct SentenceFiles {
  std::shared_ptr<const ModelDirectory> weights;
  BertTokenizer tokenizer;
  BertConfig config;
  int longest = 0;   // ids of a text: what comes after is not read
  bool unit = true;  // vectors are divided by their length

  /// A directory as Hugging Face and sentence-transformers keep it: config.json, model.safetensors, tokenizer.json or
  /// vocab.txt; and, where they are, modules.json with the pooling's config.json, sentence_bert_config.json and
  /// tokenizer_config.json. Throws Error naming the file where one is missing, broken, or asks for what is not here:
  /// another model, another pooling than the mean, further modules.
  static SentenceFiles open(const std::string& directory);
};

/// What is embedded of an instance: its choices (None without) and its input.
std::string retrieval_text(const std::string& input, const std::vector<std::string>& choices);

/// 0 .. n-1 by length, in runs of at most `batch`: texts of one run are padded to its longest. The longest come first.
std::vector<std::vector<std::size_t>> sort_into_batches(const std::vector<std::size_t>& lengths, int batch);

/// A sentence encoder: text in, vectors out.
template <Backend B>
class SentenceEncoder {
 public:
  /// The device must outlive the encoder. Throws Error naming the file at fault.
  SentenceEncoder(B& device, const std::string& directory)
      : files_(SentenceFiles::open(directory)), model_(std::make_unique<BertModel<B>>(device, files_.config)) {
    model_->load(*files_.weights);
    model_->pack();
  }

  int width() const { return files_.config.d_model; }
  const SentenceFiles& files() const { return files_; }
  const BertModel<B>& model() const { return *model_; }

  /// One vector per text, [texts, width()]; `batch` texts are computed together, and `done` is told how many were.
  std::vector<float> embed(const std::vector<std::string>& texts, int batch = 32,
                           const std::function<void(std::size_t)>& done = {}) const {
    std::vector<std::vector<std::int32_t>> ids;
    std::vector<std::size_t> lengths;
    for (const auto& t : texts) lengths.push_back(ids.emplace_back(files_.tokenizer.encode(t, files_.longest)).size());
    std::vector<float> all(texts.size() * std::size_t(width()));
    for (const auto& run : sort_into_batches(lengths, batch)) {
      std::vector<std::vector<std::int32_t>> rows;
      for (std::size_t i : run) rows.push_back(ids[i]);
      const auto y = model_->embed({model_->device()}, Tokens::pad(rows, files_.tokenizer.pad_id()), files_.unit);
      const auto numbers = y.host();
      if (done) done(run.size());
      for (std::size_t r = 0; r < run.size(); ++r)
        std::copy_n(numbers.begin() + std::ptrdiff_t(r) * width(), width(),
                    all.begin() + std::ptrdiff_t(run[r]) * width());
    }
    return all;
  }

 private:
  SentenceFiles files_;
  std::unique_ptr<BertModel<B>> model_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "bert-inl.hpp"
#endif
