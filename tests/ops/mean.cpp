#include "host.hpp"
//
#include "mean.hpp"
