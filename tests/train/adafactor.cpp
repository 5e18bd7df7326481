#include "host.hpp"
//
#include "adafactor.hpp"
