#!/usr/bin/env bash
# Clients written from docs/protocol.md alone, and those of docs/clients, against the real binary over TLS.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'kill "${server_pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

switchboard=${CARGO_TARGET_DIR:-target}/debug/switchboard
password='correct horse battery staple'
cargo build --locked --quiet
echo "$password" | "$switchboard" account add python --data-dir "$work/data" --password-stdin >/dev/null
"$switchboard" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/out" 2>"$work/log" &
server_pid=$!
until grep -q '^listening on ' "$work/out"; do kill -0 "$server_pid"; done
origin=$(sed -n 's/^listening on //p' "$work/out")
python3 tests/clients/talk.py "$origin" python "$password" || { cat "$work/log"; exit 1; }
mkdir "$work/channels"
python3 tests/clients/channels.py "$switchboard" "$work/channels" || { tail -n 40 "$work/channels.log"; exit 1; }
node --no-warnings tests/clients/documents.mjs
