#include "host.hpp"
//
#include "rescale.hpp"
