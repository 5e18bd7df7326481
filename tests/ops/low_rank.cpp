#include "host.hpp"
//
#include "low_rank.hpp"
