#pragma once
#include "spiece-inl.hpp"
#include "tokenizer.hpp"
#include "tokenizer_json-inl.hpp"

namespace anser {

/// What tokenizer_config.json says about a spiece.model beside it; what it does not say is as Hugging Face has it.
inline SpieceVocabulary::Options read_tokenizer_config(const std::filesystem::path& path) {
  SpieceVocabulary::Options options;
  if (!std::filesystem::exists(path)) return options;
  const std::string source = options.source = path.string();
  const nlohmann::json config = parse_vocabulary_json(read_vocabulary(path), source);
  check(config.is_object(), source, ": is not a JSON object");
  const auto given = [&](const char* name) { return config.contains(name) && !config[name].is_null(); };
  if (given("extra_ids")) {
    const auto& n = config["extra_ids"];
    check(n.is_number_unsigned() && n.get<std::uint64_t>() <= 10000, source, ": extra_ids is ", n.dump(),
          ", not a number up to 10000");
    options.extra_ids = n.get<int>();
  }
  for (const auto& [name, value] :
       {std::pair("legacy", &options.legacy), {"add_prefix_space", &options.add_prefix_space}})
    if (given(name)) {
      check(config[name].is_boolean(), source, ": ", name, " is not true or false");
      *value = config[name].get<bool>();
    }
  if (given("added_tokens_decoder")) {
    options.added_tokens_decoder = config["added_tokens_decoder"];
    check(options.added_tokens_decoder.is_object(), source, ": added_tokens_decoder is not an object");
  }
  return options;
}

ANSER_INLINE Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  fs::path file = path;
  SpieceVocabulary::Options options;
  if (fs::is_directory(path)) {
    file = path / "spiece.model";
    if (!fs::exists(file)) file = path / "tokenizer.json";
    check(fs::exists(file), path.string(),
          ": has neither spiece.model nor tokenizer.json; copy one of the two from the "
          "model that this one was made from");
    if (file.extension() != ".json") options = read_tokenizer_config(path / "tokenizer_config.json");
  }
  check(fs::exists(file), file.string(), ": there is no such vocabulary");
  if (file.extension() == ".json") return Tokenizer(std::make_shared<UnigramVocabulary>(file));
  return Tokenizer(std::make_shared<SpieceVocabulary>(file, options));
}

ANSER_INLINE std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_eos) const {
  return vocabulary_->encode(text, add_eos);
}

ANSER_INLINE std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special,
                                           int model_vocabulary) const {
  std::vector<std::int32_t> known;
  known.reserve(ids.size());
  for (std::int32_t id : ids) {
    if (id >= 0 && id < size())
      known.push_back(id);
    else
      check(id >= 0 && id<model_vocabulary, vocabulary_->source, ": cannot decode the id ", id, "; the vocabulary has ",
                          size(), " pieces", model_vocabulary>
                           size()
                ? concat(" and the model ", model_vocabulary)
                : "");
  }
  return vocabulary_->decode(known, skip_special);
}

ANSER_INLINE std::string Tokenizer::piece(std::int32_t id) const {
  check(id >= 0 && id < size(), vocabulary_->source, ": there is no piece ", id, "; the vocabulary has ", size());
  return vocabulary_->piece(id);
}

ANSER_INLINE std::optional<std::int32_t> Tokenizer::id(std::string_view piece) const { return vocabulary_->id(piece); }
ANSER_INLINE int Tokenizer::size() const { return vocabulary_->size; }
ANSER_INLINE std::int32_t Tokenizer::pad_id() const { return vocabulary_->pad; }
ANSER_INLINE std::int32_t Tokenizer::eos_id() const { return vocabulary_->eos; }
ANSER_INLINE std::int32_t Tokenizer::unk_id() const { return vocabulary_->unk; }

}  // namespace anser
