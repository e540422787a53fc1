# Builds what the guest with persistent memory needs beside what every guest does: ndctl, and mkfs of btrfs, which
# compresses; the file systems' modules are in the kernel anyway. Sourced by run, after ../lib/build.sh. Everything lies
# below $VM_DIR/pmem.
# shellcheck shell=bash

readonly PMEM_PACKAGES=(ndctl libndctl6 libdaxctl1 libcxl1 libiniparser1 libjson-c5 libtraceevent1 libtracefs1
  btrfs-progs liblzo2-2 libreiserfscore0)

pmem_build() {
  local lock
  mkdir -p "$VM_DIR/pmem"
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'tools for persistent memory' packages_in "$VM_DIR/pmem/tools" "${PMEM_PACKAGES[@]}"
  flock -u "$lock"
}
