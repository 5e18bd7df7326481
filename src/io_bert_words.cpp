#include <anser/io/bert_words.hpp>
// The bodies, once.
#include <anser/io/bert_words-inl.hpp>
