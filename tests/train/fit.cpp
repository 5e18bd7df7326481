#include "host.hpp"
//
#include "fit.hpp"
