#include <anser/io/hf.hpp>
// The bodies, once.
#include <anser/io/hf-inl.hpp>
