#include <anser/io/import.hpp>
// The bodies, once.
#include <anser/io/import-inl.hpp>
