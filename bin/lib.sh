# Shared by the scripts in bin: where the project is, and which JDK runs it. Sourced, never run.

SELKIE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SELKIE_ROOT
readonly SELKIE_JAVA_VERSION=25

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# True if the given java is new enough. The release file answers without starting a JVM.
is_new_enough() {
  local java=$1 home version
  [[ -x $java ]] || return 1
  home=$(dirname "$(dirname "$(readlink -f "$java")")")
  if [[ -r $home/release ]]; then
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
  else
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  fi
  [[ $version =~ ^[0-9]+$ && $version -ge $SELKIE_JAVA_VERSION ]]
}

# Sets JAVA to a java that is new enough: JAVA_HOME first, because that is what a user says on
# purpose, then what Debian installs, then the path.
find_java() {
  local candidate
  for candidate in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} /usr/lib/jvm/*/bin/java \
      "$(command -v java || true)"; do
    if is_new_enough "$candidate"; then
      JAVA=$candidate
      return
    fi
  done
  fail "needs a JDK $SELKIE_JAVA_VERSION or newer: set JAVA_HOME, or install one under /usr/lib/jvm"
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
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update > /dev/null && apt-get -qq install -y --no-install-recommends "${missing[@]}" > /dev/null ||
    fail "these Debian packages are missing, and apt-get cannot install them: ${missing[*]}"
}
