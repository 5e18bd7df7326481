#!/bin/sh
# A wrong program is refused with its sentence first: misuse.sh <source> <options file> <C++ compiler>
set -u
source=$1 options=$2 cxx=$3
sentence=$(sed -n '1s|^// expect: ||p' "$source")
if [ -z "$sentence" ]; then
  echo "misuse: the first line of $source is not '// expect: <sentence>'"
  exit 1
fi
if output=$(LC_ALL=C "$cxx" "@$options" -fsyntax-only "$source" 2>&1); then
  echo "misuse: $source compiles, but should say: $sentence"
  exit 1
fi
first=$(printf '%s\n' "$output" | grep -m 1 'error:')
case $first in
  *"$sentence"*) echo "misuse: ok: $sentence" ;;
  *)
    printf 'misuse: expected first: %s\n        the compiler says: %s\n\n' "$sentence" "$first"
    printf '%s\n' "$output" | head -n 30
    exit 1
    ;;
esac
