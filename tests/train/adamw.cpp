#include "host.hpp"
//
#include "adamw.hpp"
