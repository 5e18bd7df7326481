#include <anser/cpu.hpp>

#include "engine-inl.hpp"

namespace anser::cli {

std::unique_ptr<Engine> make_cuda_engine(const EngineOptions& o);  // engine_cuda.cpp

std::unique_ptr<Engine> make_engine(const EngineOptions& o) {
  return o.backend == "cuda" ? make_cuda_engine(o) : make_engine_of<Cpu>(o, o.threads);
}

}  // namespace anser::cli
