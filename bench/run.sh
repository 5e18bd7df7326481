#!/bin/sh
# Runs every benchmark of a release build and writes bench/results/<date>-<machine>.md:
#   bench/run.sh [BUILD=build/release] [PYTHON with torch, transformers and peft]
# A quiet machine is asked for: about 40 minutes, 12 GB of memory, 5 GB of disk in $TMPDIR.
# ANSER_BENCH_ONLY="gemm encoder" runs only these; ANSER_BENCH_FLAGS is handed to each (--rounds 5, --smoke).
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/release}
python=${2:-}
bin=$build/bin
only=${ANSER_BENCH_ONLY:-gemm encoder decode routed train memory compile pytorch}
flags=${ANSER_BENCH_FLAGS:-}

kind=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 |
  sed 's/([^)]*)//g; s/Processor//; s/CPU.*//; s/[^A-Za-z0-9]\{1,\}/-/g; s/^-//; s/-$//' | tr 'A-Z' 'a-z')
mkdir -p bench/results
result=bench/results/$(date -u +%Y-%m-%d)-${kind:-unknown}-$(nproc)-threads.md
log=$(mktemp)
folder=$(mktemp -d)
trap 'rm -rf "$log" "$folder"' EXIT

say() { echo "$@" >> "$log"; }
# section <title> <command...>: the command as a reader would type it, and what it printed
section() {
  title=$1
  shift
  echo "$title" >&2
  say "
## $title
"
  say '`'"$(echo "$*" | sed "s|$bin|build/release/bin|g; s|$build|build/release|g; s|$folder|FOLDER|g; s|${python:-@none@}|python|g")"'`
'
  "$@" >> "$log" || say "
exit status $?"
}

say "# Benchmarks of $(date -u +%Y-%m-%d)

Commit $(git rev-parse --short HEAD 2> /dev/null || echo unknown)$(git diff --quiet 2> /dev/null || echo ", with changes"). Written by \`bench/run.sh\`; docs/bench.md says what each figure is. Load before the run: $(cut -d' ' -f1-3 /proc/loadavg)."
for name in $only; do
  case $name in
    memory) section "Memory" "$bin/bench_memory" "$folder" ;;
    compile) section "Compile time" "$bin/bench_compile" "$build" ;;
    pytorch)
      [ -z "$python" ] || section "Encoder against PyTorch" "$python" bench/pytorch_encoder.py "$bin/bench_encoder"
      [ -z "$python" ] || section "Training against PyTorch" "$python" bench/pytorch_train.py "$bin/bench_train"
      ;;
    # shellcheck disable=SC2086  # flags are words
    *) section "$name" "$bin/bench_$name" $flags ;;
  esac
done
say "
Load after the run: $(cut -d' ' -f1-3 /proc/loadavg)."
mv "$log" "$result"
chmod 644 "$result"
echo "$result"
