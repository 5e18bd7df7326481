#include <anser/io/safetensors.hpp>
// The bodies, once.
#include <anser/io/safetensors-inl.hpp>
