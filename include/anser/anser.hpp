#pragma once
/// Everything for the host. With CUDA, include backend/cuda.hpp beside it.
#include "backend/cpu.hpp"
#include "t5.hpp"
