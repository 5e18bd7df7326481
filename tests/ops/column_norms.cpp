#include "host.hpp"
//
#include "column_norms.hpp"
