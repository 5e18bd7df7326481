#include <anser/bert.hpp>
// The bodies, once.
#include <anser/bert-inl.hpp>
