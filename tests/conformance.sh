#!/usr/bin/env bash
# RFC 6455 conformance: the `kosoku` suite against the echo example, which runs on the server's own pumps.
# Compression (12.*, 13.*) is not offered, so it is not tried. Fails on any failure or unclean close.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'kill "${echo_pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

kosoku=${KOSOKU:-kosoku}
cargo build --locked --quiet --example echo
"${CARGO_TARGET_DIR:-target}/debug/examples/echo" >"$work/address" &
echo_pid=$!
until [ -s "$work/address" ]; do kill -0 "$echo_pid"; done
"$kosoku" -m fuzzingclient -x '12.*' -x '13.*' -o "$work/report" "$(cat "$work/address")/echo" >"$work/output" 2>&1 ||
  { tail -n 40 "$work/output"; exit 1; }
python3 - "$work/report/index.json" <<'PYTHON'
import collections, json, sys
[cases] = json.load(open(sys.argv[1])).values()
verdicts = collections.Counter((case["behavior"], case["behaviorClose"]) for case in cases.values())
bad = {name: case for name, case in cases.items()
       if case["behavior"] == "FAILED" or case["behaviorClose"] not in ("OK", "INFORMATIONAL")}
print(f"{len(cases)} cases: {len(bad)} failures or unclean closes, {dict(verdicts)}")
sys.exit(bool(bad) or len(cases) < 300)
PYTHON
