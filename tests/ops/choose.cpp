#include "host.hpp"
//
#include "choose.hpp"
