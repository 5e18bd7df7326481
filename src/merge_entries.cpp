#include <anser/merge/entries.hpp>
// The bodies, once.
#include <anser/merge/entries-inl.hpp>
