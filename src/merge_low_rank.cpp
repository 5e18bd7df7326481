#include <anser/merge/low_rank.hpp>
// The bodies, once.
#include <anser/merge/low_rank-inl.hpp>
