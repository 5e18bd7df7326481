#!/bin/sh
# Every header compiles alone: headers.sh <include folder> <options file> <C++ compiler> [<CUDA's include folder> <nvcc>]
# They are read as anser::compiled reads them, x-inl.hpp apart; the consumers' tests read the headers with their bodies.
# What includes CUDA needs its include folder, and kernels (backend/cuda*-inl.hpp) need nvcc; without, they are left out.
set -u
include=$1 options=$2 cxx=$3 cuda=${4:-} nvcc=${5:-}
work=$PWD/headers  # a lasting place, since ccache remembers by name what did not change
mkdir -p "$work" && rm -f "$work/problems" && cd "$include" || exit 1

find anser -name '*.hpp' | sort > "$work/all"
grep -E '(^|/)cuda[^/]*\.hpp$' "$work/all" > "$work/cuda"
grep -E -- '-inl\.hpp$' "$work/cuda" > "$work/kernels"
if [ -n "$cuda" ]; then
  grep -v -x -F -f "$work/kernels" "$work/all" > "$work/host"
else
  echo "headers: left out, for want of CUDA: $(tr '\n' ' ' < "$work/cuda")"
  grep -v -x -F -f "$work/cuda" "$work/all" > "$work/host"
fi
set -- $(command -v ccache) "$cxx" $(cat "$options") ${cuda:+-isystem "$cuda"} -DANSER_COMPILED -O0 -Wall -Wextra -Wpedantic -Wshadow -Werror

xargs -P 2 -I{} sh -c '
  header=$1 work=$2
  shift 2
  source=$work/$(printf "%s" "$header" | tr / .).cpp
  printf "#include <%s>\n" "$header" > "$source"
  output=$("$@" -c -o "${source%.cpp}.o" "$source" 2>&1) ||
    printf "does not compile alone: %s\n%s\n" "$header" "$(printf "%s\n" "$output" | head -n 12)" >> "$work/problems"
' sh {} "$work" "$@" < "$work/host"

if [ -n "$nvcc" ]; then
  while read -r header; do
    printf '#include <%s>\n' "$header" > "$work/alone.cu"
    "$nvcc" -std=c++20 --expt-relaxed-constexpr -DANSER_COMPILED -I . -cuda -o "$work/alone.ii" "$work/alone.cu" \
      > "$work/output" 2>&1 ||
      { echo "does not compile alone: $header"; head -n 12 "$work/output"; } >> "$work/problems"
  done < "$work/kernels"
fi

if [ -s "$work/problems" ]; then
  head -n 60 "$work/problems"
  exit 1
fi
echo "headers: ok, $(wc -l < "$work/host") of $(wc -l < "$work/all") with $(basename "$cxx")"
