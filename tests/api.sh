#!/usr/bin/env bash
# The two descriptions for programs, against the standards and against the real binary over TLS: /openapi.json (OpenAPI
# 3.1) and docs/asyncapi.yaml (AsyncAPI 3). Each must be valid, and true of what the server answers and sends.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'kill "${server_pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

switchboard=${CARGO_TARGET_DIR:-target}/debug/switchboard
password='correct horse battery staple'
cargo build --locked --quiet
for name in alice bob; do
    echo "$password" | "$switchboard" account add "$name" --data-dir "$work/data" --password-stdin >/dev/null
done
key=$("$switchboard" key create everything --scope 'publish:*' --scope otp --scope products --scope 'documents:*' --scope admin --data-dir "$work/data" 2>/dev/null)
cat >"$work/settings.toml" <<'EOF'
[[namespace]]
pattern = "talk.*"
publish = "members"
[[namespace]]
pattern = "*"
EOF
"$switchboard" serve --listen 127.0.0.1:0 --data-dir "$work/data" --config "$work/settings.toml" >"$work/out" 2>"$work/log" &
server_pid=$!
until grep -q '^listening on ' "$work/out"; do kill -0 "$server_pid"; done
origin=$(sed -n 's/^listening on //p' "$work/out")
# Leaves nothing beside the scripts.
export PYTHONDONTWRITEBYTECODE=1

python3 tests/api/openapi.py "$origin"
python3 tests/api/asyncapi.py "$origin" "$password" "$key" || { cat "$work/log"; exit 1; }
python3 tests/api/fuzz.py "$origin" alice "$password" "$key" || { tail -n 40 "$work/log"; exit 1; }
