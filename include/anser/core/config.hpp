#pragma once
/// The one place that knows which compiler is reading us and how bodies are linked.

#if defined(__CUDACC__)
#define ANSER_HD __host__ __device__
#else
#define ANSER_HD
#endif

/// Bodies that are not templates live in `x-inl.hpp`: inline for header-only users, compiled once in anser::compiled.
#if defined(ANSER_COMPILED)
#define ANSER_INLINE
#else
#define ANSER_INLINE inline
#endif

/// Vectorise the next loop; the argument is a clause such as reduction(+ : s). Needs -fopenmp-simd only, no runtime.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(__CUDACC__)
#define ANSER_PRAGMA(text) _Pragma(#text)
#define ANSER_SIMD(...) ANSER_PRAGMA(omp simd __VA_ARGS__)
#else
#define ANSER_SIMD(...)
#endif
