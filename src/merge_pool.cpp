#include <anser/merge/pool.hpp>
// The bodies, once.
#include <anser/merge/pool-inl.hpp>
