#include <anser/io/peft_config.hpp>
// The bodies, once.
#include <anser/io/peft_config-inl.hpp>
