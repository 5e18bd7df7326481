#include "host.hpp"
//
#include "loss.hpp"
