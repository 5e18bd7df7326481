#include "host.hpp"
//
#include "norm.hpp"
