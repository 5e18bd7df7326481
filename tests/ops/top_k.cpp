#include "host.hpp"
//
#include "top_k.hpp"
