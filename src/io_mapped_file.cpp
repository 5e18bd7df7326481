#include <anser/io/mapped_file.hpp>
// The bodies, once.
#include <anser/io/mapped_file-inl.hpp>
