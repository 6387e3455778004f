#!/usr/bin/env bash
# The catalogue of screen words: collect the sentences of the code and bring each language's file up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=.
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT
.venv/bin/pybabel -q extract -F babel.cfg -k p_:1c,2 -k n_:1,2 -k pgettext:1c,2 --no-location --sort-output \
  --project=CPMS --copyright-holder="the CPMS authors" -o "$pot" .
for language in bg de el uk; do
  file=translations/$language/LC_MESSAGES/messages.po
  if [ -f "$file" ]; then
    .venv/bin/pybabel -q update -i "$pot" -o "$file" -l "$language" --no-fuzzy-matching --ignore-obsolete
  else
    mkdir -p "$(dirname "$file")"
    .venv/bin/pybabel -q init -i "$pot" -o "$file" -l "$language"
  fi
done
