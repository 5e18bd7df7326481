#include <anser/io/pickle.hpp>
// The bodies, once.
#include <anser/io/pickle-inl.hpp>
