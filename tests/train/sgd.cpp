#include "host.hpp"
//
#include "sgd.hpp"
