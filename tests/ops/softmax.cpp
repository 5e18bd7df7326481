#include "host.hpp"
//
#include "softmax.hpp"
