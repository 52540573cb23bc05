#!/usr/bin/env bash
# test.sh: checks the local cluster itself, with real workloads, in about a minute.
#
# Makes the clusters "check-a" and "check-b" and removes them again. Says what
# it looked for and what it saw; ends with a status other than 0 at the first
# thing that is not as it should be.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
case ${1:-} in -h | --help) lines; exit 0 ;; esac
[[ ${CLUSTER:-local} == local ]] || die "this checks CLUSTER=local only"
unset LOCALK8S_DIR KUBECONFIG

A=$SLUICE_CACHE/clusters/check-a B=$SLUICE_CACHE/clusters/check-b
check() { say "ok    $*"; }
fail() {
  say "FAIL  $*" >&2
  exit 1
}
finish() {
  local status=$?
  trap - EXIT
  localk8s down --dir "$A" >/dev/null || status=1
  localk8s down --dir "$B" >/dev/null || status=1
  rm -f "$ARCHIVES"/check.tar "$ARCHIVES/check-round"
  ((status == 0)) && say "all checks passed" || say "a check failed"
  exit "$status"
}
ms() { date +%s%3N; }
ka() { kubectl --kubeconfig "$A/kubeconfig" "$@"; }
kb() { kubectl --kubeconfig "$B/kubeconfig" "$@"; }

# eventually SECONDS WHAT COMMAND...: the command has to succeed in time; says how long it took.
eventually() {
  local limit=$1 what=$2 start out
  shift 2
  start=$(ms)
  until out=$("$@" 2>&1); do
    (($(ms) - start < limit * 1000)) || fail "$what: not within $limit s; last: $out"
    sleep 0.1
  done
  check "$what, after $(($(ms) - start)) ms"
}

# remember DIR: what belongs to a running cluster, as the kernel names it.
remember() {
  local pid count kind
  pid=$(supervisor "$1")
  GROUP=$(grep -om1 'localk8s-[0-9a-f]*' "/proc/$pid/cgroup")
  NAMESPACES=$(for kind in net mnt pid ipc uts; do readlink "/proc/$pid/ns/$kind"; done)
  NETS=$(belonging | while read -r p; do readlink "/proc/$p/ns/net" || true; done | sort -u)
  count=$(belonging | wc -l)
  ((count > 8)) || fail "only $count processes in the namespaces of $1"
  check "$1 has $count processes, group $GROUP, $(wc -w <<<"$NETS") network namespaces, $(echo $NAMESPACES)"
}

supervisor() { sed -n 's/.*"PID":\([0-9]*\).*/\1/p' "$1/state.json"; }

# belonging: the processes in one of the remembered namespaces (pods have their
# own, below these) or in the control group. Not counted is a zombie: it has
# ended, and only the machine's first process can collect it.
belonging() {
  local pid
  {
    { find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/*' -printf '%h %l\n' 2>/dev/null || true; } | grep -F "$NAMESPACES" || true
    grep -l "/$GROUP/" /proc/[0-9]*/cgroup 2>/dev/null || true
  } | cut -d/ -f3 | sort -un | while read -r pid; do
    grep -q '^State:.*zombie' "/proc/$pid/status" 2>/dev/null || echo "$pid"
  done
}

# nothing_left DIR: nothing of what was remembered is there any more.
nothing_left() {
  local left
  left=$(belonging)
  [[ -z $left ]] || fail "processes left of $1: $(ps -o pid,stat,args -p "$(paste -sd, <<<"$left")")"
  left=$(find /sys/fs/cgroup -maxdepth 2 -name "$GROUP*")
  [[ -z $left ]] || fail "control groups left of $1: $left"
  left=$(grep -F "$1" /proc/self/mountinfo || true)
  [[ -z $left ]] || fail "mounts left of $1: $left"
  left=$(lsns -n -t net -o NS | grep -xF "$(grep -o '[0-9]*' <<<"$NETS")" || true)
  [[ -z $left ]] || fail "network namespaces left of $1: $left"
  [[ ! -e $1 ]] || fail "files left in $1: $(ls -A "$1")"
  [[ $(host_state) == "$HOST" ]] || fail "the machine's network changed: $(diff <(echo "$HOST") <(host_state))"
  check "nothing is left of $1: no process, control group, mount, namespace, file, device or route"
}
host_state() { ip -o link | sed 's/<[^>]*>.*//'; ip route; cat /proc/sys/net/ipv4/ip_forward /proc/sys/vm/overcommit_memory; }

"$HERE/setup.sh" packages localk8s
trap finish EXIT
localk8s down --dir "$A" >/dev/null
localk8s down --dir "$B" >/dev/null
HOST=$(host_state)

say "1. start"
start=$(ms)
"$HERE/cluster.sh" up check-a
took=$(($(ms) - start))
((took < 15000)) || fail "up took $took ms, more than 15 s"
check "up took $took ms"
again=$("$HERE/cluster.sh" up check-a)
[[ $again == *"runs already"* ]] || fail "a second up said: $again"
check "a second up: $again"

say "2. images"
"$HERE/images.sh" --cluster check-a podinfo redis prometheus
again=$("$HERE/images.sh" --cluster check-a podinfo redis prometheus)
! grep -v '^present ' <<<"$again" || fail "a second load did more than look"
check "a second load found all $(grep -c '^present ' <<<"$again") archives present"
# One name, new content: the cluster has to get it, and run it.
for round in one two; do
  echo "$round" >"$ARCHIVES/check-round"
  localk8s image --name sluice.local/check:1 --out "$ARCHIVES/check.tar" --static \
    "$(command -v busybox):/bin/busybox" "$ARCHIVES/check-round:/round"
  [[ $(localk8s image load --dir "$A" "$ARCHIVES/check.tar") == loaded* ]] || fail "the changed image was not loaded"
  ka run "round-$round" --image=sluice.local/check:1 --restart=Never --command -- busybox cat /round >/dev/null
  ka wait --for=jsonpath='{.status.phase}'=Succeeded "pod/round-$round" --timeout=20s >/dev/null || fail "round-$round did not run"
  [[ $(ka logs "round-$round") == "$round" ]] || fail "the pod of image $round printed: $(ka logs "round-$round")"
done
check "an image that changed under its name was loaded and run"

say "3. workloads"
inside() { localk8s exec --dir "$A" -- "$@"; }
query() { inside curl -sf --max-time 3 http://prometheus.monitoring:9090/api/v1/query --data-urlencode "query=$1"; }
scraped() { query 'up{namespace="check",sluice_dev_revision="one",pod=~"podinfo-.*"} == 1' | grep '"value"'; }
ka apply -f "$HERE/testdata/workloads.yaml" -f "$HERE/prometheus.yaml" >/dev/null
eventually 30 "podinfo answers at its Service" inside curl -sf --max-time 3 http://podinfo.check/version
check "it says $(inside curl -sf http://podinfo.check/version | tr -d ' \n')"
eventually 30 "redis answers at its Service" sh -c "localk8s exec --dir '$A' -- redis-cli -h redis.check ping | grep PONG"
eventually 40 "the Job that visits podinfo completed" ka -n check wait --for=condition=Complete job/visit --timeout=1s
ka -n monitoring rollout status deployment/prometheus --timeout=40s >/dev/null || fail "prometheus: $(ka -n monitoring get pods)"
eventually 20 "prometheus scrapes podinfo, with its labels" scraped
out=$(inside ip route show default)
[[ -z $out ]] || fail "there is a way out: $out"
! out=$(inside curl -sS --max-time 3 http://192.0.2.1/ 2>&1) || fail "192.0.2.1 answered: $out"
check "no way out: $out"

say "4. audit log"
grep -q '"verb":"create".*"resource":"jobs".*"name":"visit"' "$A/log/audit.log" || fail "no line for the Job in $A/log/audit.log"
! grep -qm1 '"stage":"RequestReceived"' "$A/log/audit.log" || fail "the audit log has the stage RequestReceived"
check "$(wc -l <"$A/log/audit.log") lines, the Job's creation among them"

say "5. two at once"
"$HERE/cluster.sh" up check-b >/dev/null
[[ $(ka get node -o 'jsonpath={.items[0].metadata.uid}') != $(kb get node -o 'jsonpath={.items[0].metadata.uid}') ]] || fail "both are one cluster"
! kb get namespace check >/dev/null 2>&1 || fail "check-b shows the workloads of check-a"
inside curl -sf http://podinfo.check/healthz >/dev/null || fail "check-a does not answer beside check-b"
check "check-a at $(ka config view --minify -o 'jsonpath={.clusters[0].cluster.server}'), check-b at $(kb config view --minify -o 'jsonpath={.clusters[0].cluster.server}')"

say "6. kill -9 of the supervisor, then down"
remember "$A"
kill -9 "$(supervisor "$A")"
localk8s down --dir "$A"
nothing_left "$A"
kb get --raw /readyz >/dev/null || fail "check-b went with check-a"
check "check-b is not touched"

say "7. down, twice"
remember "$B"
"$HERE/cluster.sh" down check-b
nothing_left "$B"
"$HERE/cluster.sh" down check-b

say "8. an interrupted up"
mkdir -p "$LOGS"
localk8s up --dir "$B" >"$LOGS/interrupted.log" 2>&1 &
up=$!
eventually 15 "it is on its way" grep "containerd ready" "$LOGS/interrupted.log"
remember_group=$(grep -om1 'localk8s-[0-9a-f]*' "/proc/$(supervisor "$B")/cgroup")
kill -TERM "$up"
! wait "$up" || fail "an interrupted up ended with status 0"
grep -q "logs are kept in $B/failed-logs" "$LOGS/interrupted.log" || fail "it said: $(cat "$LOGS/interrupted.log")"
[[ $(ls -A "$B") == failed-logs && -s $B/failed-logs/containerd.log ]] || fail "it left: $(ls -A "$B")"
[[ -z $(find /sys/fs/cgroup -maxdepth 2 -name "$remember_group") ]] || fail "it left the control group $remember_group"
check "it tore down after itself and kept its logs"
