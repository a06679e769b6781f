#!/usr/bin/env bash
# Runs every fuzz target for a short time on corpora seeded from testdata. usage: fuzz/smoke.sh [SECONDS]
# Needs a nightly compiler and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-30}
python3 seed.py
passed=0 failed=0
cargo +nightly fuzz build -O
for target in $(cargo +nightly fuzz list); do
  if cargo +nightly fuzz run -O "$target" -- -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
      >"corpus/$target.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "corpus/$target.log") runs in $seconds s"
  else
    failed=$((failed + 1))
    echo "FAIL $target"
    tail -n 40 "corpus/$target.log"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
