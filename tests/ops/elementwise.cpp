#include "host.hpp"
//
#include "elementwise.hpp"
