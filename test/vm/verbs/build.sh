# Builds what the guest with soft RoCE needs beside what every guest does: the RDMA modules of its kernel, and
# the libraries. Sourced by run, after ../lib/build.sh. Everything lies below $VM_DIR/verbs and is built once.
# shellcheck shell=bash

readonly VERBS_PACKAGES=(libibverbs1 ibverbs-providers librdmacm1 libnl-3-200 libnl-route-3-200)

verbs_build() {
  local lock
  mkdir -p "$VM_DIR/verbs"
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'RDMA modules' verbs_modules
  step 'RDMA libraries' verbs_libraries
  flock -u "$lock"
}

# The kernel that boots stays what it is; its modules get back what other guests have no use for.
verbs_modules() {
  local tree=$VM_DIR/verbs version found
  version=$(< "$VM_DIR/kernel/version")
  [[ $(cat "$tree/version" 2> /dev/null) != "$version" ]] || return 0
  rm -rf "$tree/lib" "$tree/root"
  found=$VM_DIR/kernel/aside/infiniband
  if [[ ! -d $found ]]; then
    # A kernel that was unpacked before they were kept.
    say "if this kernel is no longer to be had, remove $VM_DIR/kernel: a current one is taken then"
    unpack "$tree/root" "linux-image-$version"
    found=$(find "$tree/root" -type d -path "*/modules/$version/kernel/drivers/infiniband")
  fi
  mkdir -p "$tree/lib/modules"
  cp -al "$VM_DIR/kernel/lib/modules/$version" "$tree/lib/modules/"
  mkdir -p "$tree/lib/modules/$version/kernel/drivers"
  cp -r "$found" "$tree/lib/modules/$version/kernel/drivers/"
  # depmod writes anew what was linked.
  rm -f "$tree/lib/modules/$version"/modules.*.bin "$tree/lib/modules/$version"/modules.{dep,alias,symbols,softdep,devname}
  depmod -b "$tree" "$version"
  rm -rf "$tree/root"
  echo "$version" > "$tree/version"
}

verbs_libraries() {
  local tree=$VM_DIR/verbs/libraries
  [[ ! -e $tree/done ]] || return 0
  rm -rf "$tree"
  unpack "$tree" "${VERBS_PACKAGES[@]}"
  touch "$tree/done"
}
