#!/usr/bin/env bash
# Runs test projects and adds up their counts: `tests/run.sh` = Tidy, Unit, Iscsi and Wire; `tests/run.sh --suite NAME KEY=VALUE...` = one
# suite with its settings as environment. The last line is "N passed, N failed"; the exit status says the same.
set -uo pipefail
cd "$(dirname "$0")/.."
suites=(Tidy Unit Iscsi Wire)
if [ "${1:-}" = "--suite" ]; then suites=("$2"); shift 2; fi
for setting in "$@"; do export "${setting?}"; done
log=$(mktemp); trap 'rm -f "$log"' EXIT
status=0
for suite in "${suites[@]}"; do
    [ -d "tests/$suite" ] || continue
    dotnet test "tests/$suite" -c Release -v q --nologo --logger "console;verbosity=normal" 2>&1 \
        | grep -vE '^\s+Passed |^\s*$' | tee -a "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
done
passed=$(grep -E '^ +Passed: +[0-9]+$' "$log" | awk '{s+=$2} END{print s+0}')
failed=$(grep -E '^ +Failed: +[0-9]+$' "$log" | awk '{s+=$2} END{print s+0}')
[ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
[ "$passed" -eq 0 ] && failed=$((failed > 0 ? failed : 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
