# Every C++ snippet on the page of a router or module compiles, in a function that has what pages speak of: a device, a
# model with its tokens, and a pool of one expert. Run as: sh snippets.sh <repository> <options file> <compiler>
set -u
root=$1 options=$2 cxx=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
file=$work/snippets.cpp
printf '#include <anser/cpu.hpp>\n#include <anser/t5.hpp>\nusing B = anser::Cpu<float>;\n' > "$file"
count=0
for page in "$root"/docs/router/*.md "$root"/docs/module/*.md; do
  if ! grep -q '^```cpp' "$page"; then
    echo "snippets: $page has none"
    exit 1
  fi
  count=$((count + 1))
  printf 'void page_%s(B& device, anser::T5Model<B>& model, const anser::Tokens& tokens,\n' "$count" >> "$file"
  printf '             const std::vector<anser::Expert>& one) {\n  (void)device, (void)model, (void)tokens, (void)one;\n  {\n' >> "$file"
  # Errors are told by page and line.
  awk -v page="$page" '/^```cpp/ { inside = 1; print "#line " NR + 1 " \"" page "\""; next } /^```/ { inside = 0 } inside' \
    "$page" >> "$file"
  printf '  }\n}\n' >> "$file"
done
if ! LC_ALL=C "$cxx" "@$options" -DANSER_COMPILED -fsyntax-only "$file"; then
  echo "snippets: a page shows what does not compile"
  exit 1
fi
echo "snippets: $count pages ok"
