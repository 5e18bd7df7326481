#!/bin/sh
# Every header compiles alone: headers.sh <include folder> <options file> <C++ compiler> [<nvcc>]
# Headers that include CUDA's own are given to nvcc, and left out where there is none.
set -u
include=$1 options=$2 cxx=$3 nvcc=${4:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$include" || exit 1

find anser -name '*.hpp' | sort > "$work/all"
xargs grep -lE '# *include *<(cuda|cublas)' < "$work/all" > "$work/cuda"
# What includes such a header needs CUDA too.
while read -r header; do
  grep -v -x -F -f "$work/cuda" "$work/all" | xargs grep -lE "# *include *[\"<]([^\">]*/)?$(basename "$header")[\">]"
done < "$work/cuda" | sort -u > "$work/more"
sort -u "$work/cuda" "$work/more" > "$work/nvcc"
grep -v -x -F -f "$work/nvcc" "$work/all" > "$work/host"

xargs -P 2 -I{} sh -c '
  "$0" "@$1" -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -x c++ -include "$2" /dev/null > "$3.$$" 2>&1 ||
    { echo "does not compile alone: $2"; head -n 12 "$3.$$"; }
' "$cxx" "$options" {} "$work/out" < "$work/host" > "$work/problems"

if [ -n "$nvcc" ]; then
  while read -r header; do
    printf '#include <%s>\n' "$header" > "$work/alone.cu"
    "$nvcc" -std=c++20 --expt-relaxed-constexpr -DANSER_COMPILED -I "$include" -arch=sm_80 -cuda -o "$work/alone.ii" "$work/alone.cu" \
      > "$work/out" 2>&1 || { echo "does not compile alone: $header"; head -n 12 "$work/out"; } >> "$work/problems"
  done < "$work/nvcc"
else
  echo "left out, for want of nvcc: $(wc -l < "$work/nvcc") headers"
fi

cat "$work/problems"
echo "headers: $(wc -l < "$work/host") with $(basename "$cxx"), $(wc -l < "$work/nvcc") with nvcc"
test ! -s "$work/problems"
