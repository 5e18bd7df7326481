#include "host.hpp"
//
#include "gather.hpp"
