#!/bin/sh
# No file of the project names a folder of somebody's machine: paths.sh <repository>
set -u
cd "$1" || exit 1
pattern='(^|[^A-Za-z0-9_.$}/-])/(root|work|home/[A-Za-z0-9_]+|Users/[A-Za-z0-9_]+)/'
if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
  found=$(git grep -nIE --untracked "$pattern" -- . ':!LICENSE')
else
  found=$(grep -rnIE "$pattern" . --exclude-dir=build --exclude-dir=.git)
fi
if [ -n "$found" ]; then
  printf 'paths: these lines name a machine:\n%s\n' "$found"
  exit 1
fi
echo "paths: ok"
