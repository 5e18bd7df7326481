#include <anser/io/zip.hpp>
// The bodies, once.
#include <anser/io/zip-inl.hpp>
