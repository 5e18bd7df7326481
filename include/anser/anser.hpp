#pragma once
/// Everything for the host. With CUDA, include anser/cuda.hpp beside it.
#include "cpu.hpp"
