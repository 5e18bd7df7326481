#include <anser/io/wordpiece.hpp>
// The bodies, once.
#include <anser/io/wordpiece-inl.hpp>
