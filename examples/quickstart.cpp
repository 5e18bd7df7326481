// The README's ten lines: a model, a pool and a router are named, and text goes in and out.
#include <anser/cpu.hpp>
#include <cstdio>

int main(int argc, char** argv) try {
  if (argc != 4) return std::fprintf(stderr, "usage: quickstart MODEL POOL TEXT\n"), 2;
  // begin of the README's lines
  anser::Cpu<float> device;
  anser::T5 t5(device, argv[1], argv[2], anser::Lora{}, anser::PhatGoose{.top_k = 2});
  std::puts(t5.generate(argv[3], {.max_new_tokens = 32}).c_str());
  // end of the README's lines
} catch (const anser::Error& error) {
  std::fprintf(stderr, "quickstart: error: %s\n", error.what());
  return 1;
}
