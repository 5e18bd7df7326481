#include <anser/train/plan.hpp>
// The bodies, once.
#include <anser/train/plan-inl.hpp>
