#include "../ops/host.hpp"
//
#include "adapter.hpp"
