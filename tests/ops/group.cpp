#include "host.hpp"
//
#include "group.hpp"
