#include <anser/core/pattern.hpp>
// The bodies, once.
#include <anser/core/pattern-inl.hpp>
