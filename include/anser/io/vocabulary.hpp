#pragma once
/// Vocabularies of one's own, for models that are not made from a published T5.
#include <filesystem>
#include <string>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// Trains a Unigram spiece.model of `size` pieces on `lines` and writes it to `path`: T5's normalisation, pad 0, eos 1,
/// unk 2, every character of the lines covered; with the 100 extra ids a Tokenizer of it has size + 100 ids. One thread
/// and fixed settings: the same lines give the same file. Throws Error where the lines cannot give that many pieces
/// (its text says how many they can) or the file cannot be written.
void train_vocabulary(const std::vector<std::string>& lines, int size, const std::filesystem::path& path);

}  // namespace anser

#ifndef ANSER_COMPILED
#include "vocabulary-inl.hpp"
#endif
