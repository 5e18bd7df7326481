#include <anser/t5-inl.hpp>
