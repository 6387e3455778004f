#!/usr/bin/env bash
# Make the lock files anew: exact versions with hashes, and no address of a registry in any of them.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || .venv/bin/python -m pip install --quiet uv
uv=$(command -v uv || echo .venv/bin/uv)
for name in requirements requirements-dev requirements-node; do
  "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 "$@" \
    "$name.in" -o "$name.txt"
done
npm install --package-lock-only --ignore-scripts
if grep -nE '(https?|file)://' requirements*.txt package-lock.json | grep -vE '"(url|funding|homepage)"'; then
  echo "A lock file names an address: take it out." >&2
  exit 1
fi
