#include "host.hpp"
//
#include "average.hpp"
