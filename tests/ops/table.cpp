#include "host.hpp"
//
#include "table.hpp"
