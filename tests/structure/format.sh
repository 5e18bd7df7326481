#!/bin/sh
# All sources are as clang-format leaves them: format.sh <repository>
set -u
cd "$1" || exit 1
if ! command -v clang-format > /dev/null; then
  echo "skipped: clang-format is not installed"
  exit 77
fi
found=$(mktemp)
trap 'rm -f "$found"' EXIT
find include src examples bench tests \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 clang-format --dry-run -Werror 2>&1 | grep -E 'error:' > "$found"
sed 's/:.*//' "$found" | sort -u
status=0
[ ! -s "$found" ] || { echo "format: run clang-format -i on these files"; status=1; }
exit $status
