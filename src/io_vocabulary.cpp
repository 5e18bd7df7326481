#include <anser/io/vocabulary-inl.hpp>
