#include <anser/io/peft.hpp>
// The bodies, once.
#include <anser/io/peft-inl.hpp>
