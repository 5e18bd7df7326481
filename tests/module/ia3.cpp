#include "../ops/host.hpp"
//
#include "ia3.hpp"
