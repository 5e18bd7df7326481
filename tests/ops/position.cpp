#include "host.hpp"
//
#include "position.hpp"
