#!/bin/sh
# Loops over core/simd.hpp's functions become loops of vectors, also where these have no masks (AVX2, and the baseline of
# x86-64): vectors.sh <include folder> <options file> <C++ compiler>
# A choice in them that GCC makes a branch costs several times the whole, and no result tells of it.
set -eu
include=$1 options=$2 cxx=$3
if ! "$cxx" --version | grep -qi 'free software foundation' || ! "$cxx" -dumpmachine | grep -q '^x86_64'; then
  echo "vectors: left out; it asks GCC on x86-64"
  exit 77
fi
functions="exp sigmoid tanh erf"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo '#include <anser/core/simd.hpp>'
  for f in $functions; do
    echo "void all_$f(float* x, int n) { ANSER_SIMD() for (int i = 0; i < n; ++i) x[i] = anser::simd::$f(x[i]); }"
  done
} > "$work/loops.cpp"
flags=$(grep -E '^-(I|D|isystem|std)' "$options")
failed=0
for target in "-mavx2 -mfma" "-msse2"; do
  # shellcheck disable=SC2086  # flags are words
  report=$(LC_ALL=C "$cxx" $flags -I "$include" -O3 -fopenmp-simd $target -fopt-info-vec-optimized -c -o "$work/loops.o" \
    "$work/loops.cpp" 2>&1) || { printf '%s\n' "$report"; exit 1; }
  line=1
  for f in $functions; do
    line=$((line + 1))
    printf '%s\n' "$report" | grep -q "loops.cpp:$line:.*loop vectorized" && continue
    echo "with $target a loop over simd::$f is one of single numbers: is there a choice that select() should make?"
    failed=1
  done
done
exit $failed
