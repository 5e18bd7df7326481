#include <anser/io/pool.hpp>
// The bodies, once.
#include <anser/io/pool-inl.hpp>
