#include "host.hpp"
//
#include "attention.hpp"
