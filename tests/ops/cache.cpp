#include "host.hpp"
//
#include "cache.hpp"
