# shellcheck shell=bash
# Shared by the scripts of this folder; to be sourced by bash with "set -euo pipefail".

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
SLUICE_CACHE=${SLUICE_CACHE:-$HOME/.cache/sluice}
BIN=$SLUICE_CACHE/bin
ARCHIVES=$SLUICE_CACHE/images
LOGS=$SLUICE_CACHE/log
export SLUICE_CACHE PATH="$BIN:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
BEGAN=${SLUICE_BEGAN:-$(date +%s)}
export SLUICE_BEGAN=$BEGAN # one clock for a script and those it calls

say() { printf '[%4d s] %s\n' "$(($(date +%s) - BEGAN))" "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# step NAME COMMAND...: runs a command (not a function) with its output in a
# log, with a sign of life every 15 s. An interrupt ends the command's whole group.
step() {
  local name=$1 log pid start=$SECONDS beat=15
  shift
  mkdir -p "$LOGS"
  log=$LOGS/${name//[^A-Za-z0-9._-]/-}.log
  say "$name ..."
  setsid "$@" >"$log" 2>&1 </dev/null & # a group of its own, so that all of it can be ended
  pid=$!
  trap 'kill -TERM -- -'"$pid"' 2>/dev/null; exit 130' INT TERM HUP
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - start >= beat)); then
      say "$name ... $((SECONDS - start)) s so far"
      beat=$((beat + 15))
    fi
  done
  if ! wait "$pid"; then
    tail -n 40 "$log" >&2
    die "$name failed; all of its output: $log"
  fi
  trap - INT TERM HUP
  say "$name done ($((SECONDS - start)) s)"
}

# lock NAME: one run at a time. Held until this script and its commands end.
lock() {
  mkdir -p "$SLUICE_CACHE"
  exec 9>"$SLUICE_CACHE/$1.lock"
  if ! flock -n 9; then
    say "waiting for another run of $1 to end ($SLUICE_CACHE/$1.lock)"
    flock 9
  fi
}

# digest: of what it reads.
digest() { sha256sum | cut -c1-32; }

# current OUTPUT KEY: is OUTPUT there, made from what KEY stands for?
current() { [[ -s $1 && -f $1.key && $(<"$1.key") == "$2" ]]; }

# Without a key an output counts as stale: so the key goes first and comes last.
install_output() { # TEMPORARY OUTPUT KEY
  rm -f "$2.key"
  mv -f "$1" "$2"
  printf '%s' "$3" >"$2.key.tmp"
  mv -f "$2.key.tmp" "$2.key"
}

lines() { sed -n "2,/^[^#]/s/^# \{0,1\}//p" "$0"; } # the comment at the top of a script: its help
