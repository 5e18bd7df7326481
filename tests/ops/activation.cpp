#include "host.hpp"
//
#include "activation.hpp"
