#!/usr/bin/env bash
# Makes a self-signed certificate for Switchboard: ECDSA P-256, for localhost, 127.0.0.1, ::1 and the names given.
set -euo pipefail
umask 077 # nothing made here is readable by others, not even for a moment

usage() {
    cat <<'TEXT'
Makes server.crt and server.key, a self-signed certificate for localhost, 127.0.0.1 and ::1.

Usage: ./gencert.sh [--host NAME]... [--days N] [--out DIR] [--force]

  --host NAME  also valid for this host name or IP address; may be repeated
  --days N     valid for N days (365)
  --out DIR    where the files go; Switchboard looks in its data directory (data)
  --force      replace existing files; a running server takes the new ones within seconds
  --help       this text

Browsers warn of a self-signed certificate until it is trusted on that machine. For a server that others
use, take one from a certificate authority, or put a proxy with one in front (see docs/operations.md).

Examples:
  ./gencert.sh
  ./gencert.sh --host chat.example.org --host 192.0.2.7 --out /var/lib/switchboard
TEXT
}

fail() {
    printf 'gencert.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

value() { # the value of option $1: $2, when there is one
    [ "$#" -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value; see --help" 2
    printf '%s' "$2"
}

names='DNS:localhost,IP:127.0.0.1,IP:::1'
days=365
out=data
force=no

while [ "$#" -gt 0 ]; do
    case "$1" in
        --host)
            host=$(value "$@")
            if [[ "$host" =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ || "$host" == *:* ]]; then
                [[ "$host" =~ ^[0-9a-fA-F:.]+$ ]] || fail "\`$host\` is no IP address" 2
                entry="IP:$host"
            else
                [[ "$host" =~ ^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || fail "\`$host\` is no host name" 2
                entry="DNS:$host"
            fi
            case ",$names," in *",$entry,"*) ;; *) names="$names,$entry" ;; esac
            shift 2
            ;;
        --days)
            days=$(value "$@")
            [[ "$days" =~ ^[1-9][0-9]{0,4}$ ]] || fail "--days takes a number of days, not \`$days\`" 2
            shift 2
            ;;
        --out)
            out=$(value "$@")
            shift 2
            ;;
        --force)
            force=yes
            shift
            ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail "unknown argument \`$1\`; see --help" 2 ;;
    esac
done

command -v openssl >/dev/null || fail 'openssl is not installed'
mkdir -p -- "$out"
certificate=$out/server.crt
key=$out/server.key
if [ "$force" = no ]; then
    for file in "$certificate" "$key"; do
        [ ! -e "$file" ] || fail "$file exists; --force replaces it"
    done
fi

# Made beside their place and moved there whole: a server that reads along never sees half a file.
work=$(mktemp -d "$out/.gencert.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days "$days" \
    -subj '/CN=Switchboard' -addext "subjectAltName=$names" -addext 'basicConstraints=critical,CA:FALSE' \
    -addext 'keyUsage=critical,digitalSignature' -addext 'extendedKeyUsage=serverAuth' \
    -keyout "$work/server.key" -out "$work/server.crt" 2>"$work/log" || fail "openssl failed: $(cat "$work/log")"
chmod 600 "$work/server.key"
chmod 644 "$work/server.crt"
mv -f -- "$work/server.key" "$key"
mv -f -- "$work/server.crt" "$certificate"
printf 'wrote %s and %s, valid for %s days, for %s\n' "$certificate" "$key" "$days" "$names"
