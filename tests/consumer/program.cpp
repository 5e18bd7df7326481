// A stranger's program: the smallest one that needs the headers, a backend and its GEMM.
#include <anser/anser.hpp>
#include <cstdio>

int main() {
  anser::Cpu<float> device;
  const float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1};
  float c[4] = {};
  anser::Gemm<float, float> product{.a = {a, 3}, .b = {b, 2}, .c = {c, 2}, .m = 2, .n = 2, .k = 3};
  device.gemm(product);
  std::printf("%g %g %g %g\n", c[0], c[1], c[2], c[3]);
  return c[0] == 4 && c[1] == 5 && c[2] == 10 && c[3] == 11 ? 0 : 1;
}
