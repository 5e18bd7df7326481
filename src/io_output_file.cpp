#include <anser/io/output_file.hpp>
// The bodies, once.
#include <anser/io/output_file-inl.hpp>
