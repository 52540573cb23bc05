#!/usr/bin/env bash
# test.sh [--install]: checks the Helm chart.
#
# Without a cluster: lint, rendering with many values, what the schema of the
# values refuses, and what the controller may do. With KUBECONFIG set, also what
# that cluster's API server says to each object, as a dry run. With --install,
# also a real install, upgrade, rollback and uninstall, and the admission
# policies as several users: for a cluster without Sluice, such as
#   eval "$(kind-tests/cluster/cluster.sh env NAME)"; charts/test.sh --install
# Needs helm, and kubectl for a cluster: from the PATH or ${SLUICE_CACHE:-~/.cache/sluice}/bin.
set -euo pipefail
cd "$(dirname "$0")"
PATH=${SLUICE_CACHE:-$HOME/.cache/sluice}/bin:$PATH
NS=sluice-system

ok() { printf 'ok    %s\n' "$*"; }
fail() { printf 'FAIL  %s\n' "$*" >&2; exit 1; }
has() { grep -qE -- "$2" <<<"$1" || fail "$3: nothing matches \"$2\""; }
has_not() { ! grep -E -- "$2" <<<"$1" >&2 || fail "$3: the above should not be there"; }

# refused WHAT PATTERN COMMAND...: the command fails and says something that matches.
refused() {
  local what=$1 pattern=$2 out
  shift 2
  ! out=$("$@" 2>&1) || fail "$what was not refused: $out"
  grep -qE -- "$pattern" <<<"$out" || fail "$what was refused, but not with \"$pattern\": $out"
  ok "refused: $what"
}

# allowed WHAT COMMAND...: the command succeeds.
allowed() {
  local what=$1 out
  shift
  out=$("$@" 2>&1) || fail "$what was refused: $out"
  ok "allowed: $what"
}

# eventually SECONDS WHAT COMMAND...: the command has to succeed in time.
eventually() {
  local end=$((SECONDS + $1)) what=$2 out
  shift 2
  until out=$("$@" 2>&1); do
    ((SECONDS < end)) || fail "$what: not in time; last: $out"
    sleep 0.2
  done
  ok "$what"
}

INSTALL=no
case ${1:-} in
-h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;;
--install) INSTALL=yes ;;
?*) fail "no option $1; see --help" ;;
esac
command -v helm >/dev/null || fail "helm is missing: run kind-tests/cluster/setup.sh helm"
[[ $INSTALL == no || -n ${KUBECONFIG:-} ]] || fail "--install needs KUBECONFIG"

. test/render.sh
if [[ -n ${KUBECONFIG:-} ]]; then
  command -v kubectl >/dev/null || fail "kubectl is missing"
  . test/dry-run.sh
fi
if [[ $INSTALL == yes ]]; then
  . test/install.sh
fi
echo "all checks passed"
