#!/usr/bin/env bash
# Every check of the project, in the order of how soon each would tell. Installs what it needs from Debian, npm and PyPI;
# safe to repeat. `tests/run.sh NAME…` runs only the named steps (`tests/run.sh --list` prints them).
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/test-tools
export PATH="$tools/venv/bin:$tools/bin:$PATH" CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

step_install() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v npm >/dev/null || missing+=(nodejs npm)
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  [ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --requirement tests/requirements.txt
  npm ci --no-audit --no-fund --silent
}

step_format() { cargo fmt --check; }
step_clippy() { cargo clippy --locked --all-targets --quiet -- -D warnings; }
step_types() { npm run --silent check && npm run --silent lint; }
step_frontend() { npm test --silent; }
step_rust() { cargo test --locked --quiet; }
step_supply() { tests/supply.sh; }
step_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet; }
step_conformance() { tests/conformance.sh; }
step_clients() { tests/clients.sh; }
step_page() { cargo build --locked --quiet && npm run --silent test:page; }
step_loom() { RUSTFLAGS="--cfg loom" cargo test --locked --quiet --release --manifest-path tests/loom/Cargo.toml; }

steps=(install format clippy types frontend rust docs supply conformance clients page loom)
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${steps[@]}"
  exit
fi
[ $# -gt 0 ] && steps=("$@")
for step in "${steps[@]}"; do
  echo "== $step"
  start=$SECONDS
  "step_$step"
  echo "   $step: $((SECONDS - start)) s"
done
echo "== all passed in $SECONDS s"
