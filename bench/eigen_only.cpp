#include "eigen_only.hpp"

// The headers once more, whole, without oneDNN, under another name: nothing here meets the library's own definitions.
#undef ANSER_HAS_ONEDNN
#undef ANSER_COMPILED
#define anser anser_without_onednn
#include <anser/backend/cpu-inl.hpp>

namespace bench {

EigenProduct::EigenProduct(const float* w, int n, int k) : n_(n), k_(k) {
  const anser::Matrix<const float> blocks[] = {{w, k}};
  const int rows[] = {n};
  packed_ = std::make_shared<const anser::CpuWeights>(anser::cpu::pack<float>(blocks, rows, k));
}

void EigenProduct::multiply(const float* x, int m, float* y) const {
  anser::cpu::multiply<float>(*static_cast<const anser::CpuWeights*>(packed_.get()), {x, k_}, m, {y, n_});
}

}  // namespace bench
