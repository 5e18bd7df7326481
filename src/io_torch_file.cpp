#include <anser/io/torch_file.hpp>
// The bodies, once.
#include <anser/io/torch_file-inl.hpp>
