#pragma once
/// The instruction set that this file is compiled for. It decides the layout of vectors in memory, so programs that
/// link anser::compiled must be compiled for the same one; the check below says so in words instead of at run time.

namespace anser {

/// Comma-terminated names, for example "avx,avx2,fma,". The build asks the compiler for this very text.
inline constexpr char instruction_set[] =
#ifdef __AVX__
    "avx,"
#endif
#ifdef __AVX2__
    "avx2,"
#endif
#ifdef __AVX512BF16__
    "avx512bf16,"
#endif
#ifdef __AVX512BW__
    "avx512bw,"
#endif
#ifdef __AVX512DQ__
    "avx512dq,"
#endif
#ifdef __AVX512F__
    "avx512f,"
#endif
#ifdef __AVX512VL__
    "avx512vl,"
#endif
#ifdef __F16C__
    "f16c,"
#endif
#ifdef __FMA__
    "fma,"
#endif
#ifdef __ARM_NEON
    "neon,"
#endif
#ifdef __SSE4_2__
    "sse4.2,"
#endif
#ifdef __ARM_FEATURE_SVE
    "sve,"
#endif
    "";

/// Whether two such texts are equal.
constexpr bool same_instruction_set(const char* a, const char* b) {
  while (*a && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

// nvcc compiles host code of anser::cuda, which shares no vectors with anser::compiled.
#if defined(ANSER_COMPILED_ISA) && !defined(__CUDACC__)
static_assert(same_instruction_set(ANSER_COMPILED_ISA, instruction_set),
              "anser::compiled was built for another instruction set than this file: give both the same -march "
              "(find_package sets anser_COMPILE_OPTIONS), or link anser::anser alone");
#endif

}  // namespace anser
