#include "host.hpp"
//
#include "merge.hpp"
