#pragma once
/// How well a generated text fits its target: 1 at best, 0 at worst.
#include <string>
#include <string_view>
#include <vector>

#include "../core/config.hpp"

namespace anser {

/// Whether both are the same text, but for white space at the ends and how much of it stands between words.
double exact_match(std::string_view prediction, std::string_view target);

/// A text as SQuAD compares it (Rajpurkar et al. 2016, evaluate-v1.1.py): in lower case, without ASCII punctuation and
/// the words a, an and the, one blank between words. "(A)" becomes empty: it is no normal form for options' letters.
std::string normal_answer(std::string_view text);

/// Whether the normal answers are the same.
double squad_exact_match(std::string_view prediction, std::string_view target);

/// SQuAD's F1 over the words of the normal answers, as bags; of two answers without words 1, of one 0 (as SQuAD 2.0).
double token_f1(std::string_view prediction, std::string_view target);

/// The words of a text as rouge_score has them (use_stemmer=False): runs of a-z and 0-9 in lower case.
std::vector<std::string> rouge_words(std::string_view text);

/// ROUGE-L's F measure (Lin 2004) as the Python package rouge_score has it: by the longest common subsequence of words,
/// precision and recall alike; 0 where either text has no words.
double rouge_l(std::string_view prediction, std::string_view target);

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "metrics-inl.hpp"
#endif
