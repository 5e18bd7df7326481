#include "host.hpp"
//
#include "dropout.hpp"
