#include <anser/io/charsmap-inl.hpp>
#include <anser/io/tokenizer-inl.hpp>
#include <anser/io/unigram-inl.hpp>
