#include <anser/io/json.hpp>
// The bodies, once.
#include <anser/io/json-inl.hpp>
