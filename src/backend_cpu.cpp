#include <anser/backend/cpu.hpp>
// The bodies, once.
#include <anser/backend/cpu-inl.hpp>
