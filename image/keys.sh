#!/usr/bin/env bash
# The key that update bundles are signed with, from outside the tree: UPDATE_KEY and UPDATE_CERT (PEM files). Without them a throw-away key is made in the cache, for
# development, and the image says so wherever somebody looks.
. "$(dirname "$0")/lib.sh"
[ -z "${UPDATE_KEY:-}${UPDATE_CERT:-}" ] || { [ -r "${UPDATE_KEY:-}" ] && [ -r "${UPDATE_CERT:-}" ] || die "UPDATE_KEY and UPDATE_CERT go together, and name files"; }
rm -rf "$OUT/keys"; mkdir -p "$OUT/keys"; chmod 700 "$OUT/keys"
if [ -n "${UPDATE_KEY:-}" ]; then
    case $(realpath "$UPDATE_KEY") in "$TREE"/*) die "UPDATE_KEY lies in the tree: a signing key is kept elsewhere" ;; esac
    cp "$UPDATE_CERT" "$OUT/keys/cert.pem"
    openssl x509 -in "$UPDATE_CERT" -noout -pubkey | cmp -s - <(openssl pkey -in "$UPDATE_KEY" -pubout) || die "UPDATE_KEY is not the key of UPDATE_CERT"
    exit 0
fi
if [ ! -e "$CACHE/development-key/cert.pem" ]; then
    mkdir -p "$CACHE/development-key"; chmod 700 "$CACHE/development-key"
    openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj "/CN=Holdfast development, throw-away" -keyout "$CACHE/development-key/key.pem" \
        -out "$CACHE/development-key/cert.pem" 2>/dev/null
fi
cp "$CACHE/development-key/cert.pem" "$OUT/keys/cert.pem"
touch "$OUT/keys/development"
cat >&2 <<'TEXT'

  *** DEVELOPMENT IMAGE: its updates are signed with a throw-away key of this machine. Whoever has that key can update every box that runs this image.
  *** For a box that somebody trusts, build with UPDATE_KEY=... UPDATE_CERT=... (docs/image.md, "Signing updates").
TEXT
