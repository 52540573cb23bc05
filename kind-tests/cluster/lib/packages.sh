# shellcheck shell=bash
# The Debian packages of the local cluster, installed without starting a service.

PACKAGES=(containerd runc containernetworking-plugins iptables conntrack busybox-static iproute2 util-linux redis-server)
POLICY=/usr/sbin/policy-rc.d # maintainer scripts ask it before they start a service
POLICY_SAVED=$POLICY.before-sluice

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

install_packages() {
  local missing services=()
  command -v dpkg-query >/dev/null ||
    die "CLUSTER=local needs Debian's packages (${PACKAGES[*]}); on another system use CLUSTER=kind or CLUSTER=current"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || die "missing Debian packages: ${missing[*]}; install them, or run this as root"
  say "installing Debian packages (no service is started): ${missing[*]}"
  forbid_services
  trap allow_services EXIT
  step packages bash -c '
    export DEBIAN_FRONTEND=noninteractive
    get() { apt-get -y -q -o DPkg::Lock::Timeout=300 -o APT::Get::AutomaticRemove=false "$@"; }
    get install --no-install-recommends "$@" || { get update && get install --no-install-recommends "$@"; }
  ' install "${missing[@]}"
  allow_services
  trap - EXIT
  # Where systemd runs, a package also asks for its service at the next boot.
  [[ " ${missing[*]} " != *" redis-server "* ]] || services+=(redis-server)
  [[ " ${missing[*]} " != *" containerd "* ]] || services+=(containerd)
  if [[ -d /run/systemd/system ]] && ((${#services[@]})); then systemctl disable --now "${services[@]}"; fi
}

forbid_services() {
  # A saved one means that a run was killed before it could put it back.
  if [[ -e $POLICY && ! -e $POLICY_SAVED ]]; then mv "$POLICY" "$POLICY_SAVED"; fi
  printf '#!/bin/sh\n# Of Sluice, while packages are installed.\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
}

allow_services() {
  rm -f "$POLICY"
  if [[ -e $POLICY_SAVED ]]; then mv "$POLICY_SAVED" "$POLICY"; fi
}
