#include "host.hpp"
//
#include "matmul.hpp"
