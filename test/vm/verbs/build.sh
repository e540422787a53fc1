# Builds what the guests with an RDMA device need beside what every guest does: kernel and modules, libraries.
# Sourced by run, after ../lib/build.sh and ../siw/build.sh. Everything lies below $VM_DIR and is built once.
#
#   guest    kernel                          device              libraries
#   rxe      that of every guest             soft RoCE           Debian 12
#   recent   6.18 or later, Debian 13's      soft RoCE           Debian 13, with RDMA FLUSH in its headers
#            backports
#   stable   6.1, Debian 12's                soft RoCE           Debian 12
#   siw      the same                        software iWARP      Debian 12
# shellcheck shell=bash

readonly VERBS_PACKAGES=(libibverbs1 ibverbs-providers librdmacm1 libnl-3-200 libnl-route-3-200)
# To measure against: programs in C.
readonly VERBS_PERFTEST=(perftest libibumad3 libpci3)
# They want a C library of their time; programs of Debian 12 run with it, too.
readonly RECENT_PACKAGES=(libc6 libibverbs1 ibverbs-providers librdmacm1t64 libnl-3-200 libnl-route-3-200)
readonly RECENT_HEADERS=(libibverbs-dev librdmacm-dev)
readonly RECENT_SUITES=(trixie trixie-backports)
# What is taken where it is still to be had; else the newest.
readonly RECENT_SERIES=6.18

# verbs_build [GUEST]
verbs_build() {
  local guest=${1:-rxe} lock
  mkdir -p "$VM_DIR/verbs"
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  case $guest in
    rxe)
      step 'RDMA modules' modules_with "$VM_DIR/verbs" infiniband ib_uverbs
      step 'RDMA libraries' verbs_libraries
      ;;
    recent)
      step 'recent package lists' recent_lists
      step 'recent kernel' recent_kernel
      step 'boot image of the recent kernel' boot_image "$VM_DIR/verbs/recent" "$VM_DIR/verbs/recent/initrd"
      step 'recent RDMA libraries' recent_libraries
      step 'tools for persistent memory' packages_in "$VM_DIR/pmem/tools" "${PMEM_PACKAGES[@]}"
      ;;
    stable | siw)
      # The module for the one does not disturb the other.
      mkdir -p "$VM_DIR/siw"
      step 'kernel with siw' siw_kernel
      mkdir -p "$VM_DIR/verbs/siw"
      step 'boot image of the kernel with siw' boot_image "$VM_DIR/siw/kernel" "$VM_DIR/verbs/siw/initrd"
      step 'RDMA libraries' verbs_libraries
      ;;
  esac
  flock -u "$lock"
}

# verbs_job GUEST JVM JOB: what that guest needs in its job, and the arguments of its machine.
verbs_job() {
  local guest=$1 jvm=$2 job=$3
  case $guest in
    rxe)
      guest_arguments "$jvm" "$job"
      # The same kernel with its RDMA modules.
      GUEST_ARGUMENTS=("${GUEST_ARGUMENTS[@]//"$VM_DIR/kernel/lib"/"$VM_DIR/verbs/lib"}")
      ;;
    recent)
      # Some of its memory is persistent: /dev/pmem0.
      # An access whose address and length wrap ends this kernel now and then (OnDemandOnDevice): no test makes one.
      GUEST_APPEND=' memmap=256M!4G oops=panic'
      # And an NVDIMM, because RDMA FLUSH wants memory that the firmware calls persistent.
      GUEST_MACHINE=q35,nvdimm=on,nvdimm-persistence=mem-ctrl GUEST_MORE_MEMORY=,slots=2,maxmem=8G
      guest_arguments "$jvm" "$job" "$VM_DIR/verbs/recent" "$VM_DIR/verbs/recent/initrd"
      truncate -s 128M "$job/nvdimm"
      GUEST_ARGUMENTS+=(
        -object "memory-backend-file,id=memory0,share=on,mem-path=$job/nvdimm,size=128M"
        -device nvdimm,id=nvdimm0,memdev=memory0
      )
      # Later on the class path, so it takes the place of the one that was compiled against the host's headers.
      recent_native "$job/native/io/selkie/rdma/verbs"
      SELKIE_CLASS_PATH+=:$job/native
      ;;
    stable | siw) guest_arguments "$jvm" "$job" "$VM_DIR/siw/kernel" "$VM_DIR/verbs/siw/initrd" ;;
  esac
  if [[ $guest == recent ]]; then
    cp -r "$VM_DIR/pmem/tools" "$job/libraries"
    cp -r "$VM_DIR/verbs/recent/libraries/." "$job/libraries/"
  else
    cp -r "$VM_DIR/verbs/libraries" "$job/"
    gcc -O2 -Wall -Wextra -Werror -o "$job/libraries/usr/bin/registrations" "$HERE/verbs/registrations.c" -libverbs
  fi
  echo "$guest" > "$job/device"
}

verbs_libraries() {
  local tree=$VM_DIR/verbs/libraries want="${VERBS_PACKAGES[*]} ${VERBS_PERFTEST[*]} in usr"
  [[ $(cat "$tree/done" 2> /dev/null) != "$want" ]] || return 0
  rm -rf "$tree"
  unpack "$tree" "${VERBS_PACKAGES[@]}" "${VERBS_PERFTEST[@]}"
  # In the guest /lib is a link.
  cp -r "$tree"/lib/. "$tree/usr/lib/"
  rm -rf "${tree:?}/lib"
  echo "$want" > "$tree/done"
}

# ---- of a later Debian than the host's ----

recent_apt() {
  local tool=$1
  shift
  APT_CONFIG=$VM_DIR/verbs/recent/apt/apt.conf "apt-$tool" -qq "$@"
}

recent_lists() {
  local etc=$VM_DIR/verbs/recent/apt key=/usr/share/keyrings/debian-archive-keyring.gpg suite
  [[ ! -e $VM_DIR/verbs/recent/version || ! -e $VM_DIR/verbs/recent/libraries/done ]] || return 0
  rm -rf "$etc"
  mkdir -p "$etc"/{lists/partial,cache/archives/partial}
  : > "$etc/status"
  for suite in "${RECENT_SUITES[@]}"; do
    echo "deb [signed-by=$key] $(< "$VM_DIR/apt/mirror") $suite main"
  done > "$etc/sources.list"
  cat > "$etc/apt.conf" << END
Dir::Etc::sourcelist "$etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State::Lists "$etc/lists";
Dir::State::status "$etc/status";
Dir::Cache "$etc/cache";
APT::Sandbox::User "root";
END
  recent_apt get update || fail "the package lists of ${RECENT_SUITES[*]} could not be had"
}

# recent_unpack DIRECTORY PACKAGE ...
recent_unpack() {
  local into=$1 fetched package
  shift
  fetched=$(mktemp -d "$VM_DIR/fetch.XXXXXX")
  (cd "$fetched" && recent_apt get download "$@") > "$VM_DIR/verbs/recent/fetch.log" 2>&1 ||
    fail "could not be had: $*: $(tail -n 3 "$VM_DIR/verbs/recent/fetch.log")"
  for package in "$fetched"/*.deb; do
    dpkg-deb -x "$package" "$into"
  done
  rm -rf "$fetched"
}

# On-demand paging of soft RoCE came with 6.18.
recent_kernel() {
  local tree=$VM_DIR/verbs/recent root=$VM_DIR/verbs/recent/root image version modules
  [[ ! -e $tree/version ]] || return 0
  rm -rf "$root" "$tree/lib"
  image=$(recent_apt cache search --names-only "^linux-image-$RECENT_SERIES[0-9.]*\+.*-amd64\$" |
    sed -nE 's/^(linux-image-[0-9.]+\+[a-z0-9]+-amd64) .*/\1/p' | sort -V | tail -n 1)
  [[ -n $image ]] || image=$(recent_apt cache show "linux-image-amd64/${RECENT_SUITES[-1]}" |
    sed -nE 's/^Depends: .*(linux-image-[^ ,]*).*/\1/p' | awk 'NR == 1')
  [[ -n $image ]] || fail "no kernel of $RECENT_SERIES or later in ${RECENT_SUITES[*]}"
  # Later ones come in several packages.
  # shellcheck disable=SC2046
  recent_unpack "$root" "$image" $(recent_apt cache show "$image" |
    sed -nE 's/^Depends: //p' | grep -oE 'linux-(binary|modules)-[^ ,]*' | sort -u)
  modules=$root/lib/modules
  [[ -d $modules ]] || modules=$root/usr/lib/modules
  version=$(ls "$modules")
  mkdir -p "$tree/lib"
  mv "$modules" "$tree/lib/modules"
  (cd "$tree/lib/modules/$version/kernel" && rm -rf "${USELESS_MODULES[@]}")
  depmod -b "$tree" "$version"
  if [[ -e $root/boot/vmlinuz-$version ]]; then
    mv "$root/boot/vmlinuz-$version" "$tree/vmlinuz"
  else
    cp "$tree/lib/modules/$version/vmlinuz" "$tree/vmlinuz"
  fi
  rm -rf "$root"
  echo "$version" > "$tree/version"
}

# The libraries, and, compiled against their headers, the native half of the provider.
recent_libraries() {
  local tree=$VM_DIR/verbs/recent
  [[ ! -e $tree/libraries/done ]] || return 0
  rm -rf "$tree/libraries" "$tree/headers"
  recent_unpack "$tree/libraries" "${RECENT_PACKAGES[@]}"
  recent_unpack "$tree/headers" "${RECENT_HEADERS[@]}"
  touch "$tree/libraries/done"
}

# recent_native DIRECTORY: compiles the native half into it, against the recent headers.
recent_native() {
  local tree=$VM_DIR/verbs/recent path=usr/lib/x86_64-linux-gnu
  CPATH=$tree/headers/usr/include LIBRARY_PATH=$tree/libraries/$path:$tree/headers/$path \
    "$SELKIE_ROOT/rdma/src/main/native/build" "$1"
}
