#include <anser/io/output_directory.hpp>
// The bodies, once.
#include <anser/io/output_directory-inl.hpp>
