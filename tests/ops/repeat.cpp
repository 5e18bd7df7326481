#include "host.hpp"
//
#include "repeat.hpp"
