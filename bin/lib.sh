# Shared by the scripts in bin: where the project is, and which JDK runs it. Sourced, never run.

SELKIE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SELKIE_ROOT
readonly SELKIE_JAVA_VERSION=25

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# True if the given java is of the one version that the build takes (the toolchain in pom.xml says the
# same). The release file answers without starting a JVM.
is_right_java() {
  local java=$1 home version
  [[ -x $java ]] || return 1
  home=$(dirname "$(dirname "$(readlink -f "$java")")")
  if [[ -r $home/release ]]; then
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
  else
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  fi
  [[ $version =~ ^[0-9]+$ && $version -eq $SELKIE_JAVA_VERSION ]]
}

# Sets JAVA to a java of the right version: JAVA_HOME first, because that is what a user says on
# purpose, then what Debian installs, then the path.
find_java() {
  local candidate
  for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} /usr/lib/jvm/*/bin/java \
      "$(command -v java || true)"; do
    if is_right_java "$candidate"; then
      JAVA=$candidate
      return
    fi
  done
  fail "needs a JDK $SELKIE_JAVA_VERSION, no other version: set JAVA_HOME, or install one under /usr/lib/jvm"
}

# Sees to the packages of bin/debian-packages; does nothing when they are there.
install_debian_packages() {
  local package missing=()
  for package in $(sed 's/#.*//' "$SELKIE_ROOT/bin/debian-packages"); do
    if [[ $(dpkg-query -W -f '${Status}' "$package" 2> /dev/null) != *' installed' ]]; then
      missing+=("$package")
    fi
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if [[ $(id -u) -ne 0 ]]; then
    fail "these Debian packages are missing: ${missing[*]}; install them, or run this as root"
  fi
  install_quietly "${missing[@]}" ||
    fail "these Debian packages are missing, and apt-get cannot install them: ${missing[*]}"
}

# Installs packages, but starts none of their services, now or with the machine: nfs-ganesha would be an
# NFS server for everybody. What was there before keeps running, and keeps being enabled.
install_quietly() (
  policy=/usr/sbin/policy-rc.d
  export DEBIAN_FRONTEND=noninteractive
  enabled_before=$(enabled_services)
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\n# No service is started while tests install what they need.\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  status=0
  apt-get -qq update > /dev/null && apt-get -qq install -y --no-install-recommends "$@" > /dev/null || status=1
  mapfile -t brought < <(comm -13 <(echo "$enabled_before") <(enabled_services))
  [[ ${#brought[@]} -eq 0 ]] || systemctl -q disable "${brought[@]}" ||
    echo "${0##*/}: these services came with packages that tests need, and stay enabled: ${brought[*]}" >&2
  exit "$status"
)

# What starts with this machine; nothing where there is no systemd.
enabled_services() {
  ! command -v systemctl > /dev/null ||
    systemctl list-unit-files --no-legend --no-pager --state=enabled 2> /dev/null | awk '{ print $1 }' | sort
}
