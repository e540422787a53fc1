# Builds what the guest with SCSI disks needs beside what every guest does: the modules of the SCSI layer, which
# others have no use for. Sourced by run, after ../lib/build.sh. Everything lies below $VM_DIR/scsi.
# shellcheck shell=bash

readonly SCSI_MODULES=(scsi_common scsi_mod sd_mod)

scsi_build() {
  local lock
  mkdir -p "$VM_DIR/scsi"
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'SCSI modules' scsi_modules
  flock -u "$lock"
}

# The modules of every guest's kernel, with these.
scsi_modules() {
  local tree=$VM_DIR/scsi version found module
  version=$(< "$VM_DIR/kernel/version")
  [[ $(cat "$tree/version" 2> /dev/null) != "$version" ]] || return 0
  rm -rf "$tree/lib" "$tree/root"
  found=$VM_DIR/kernel/aside/scsi
  if [[ ! -d $found ]]; then
    # A kernel that was unpacked before they were kept.
    say "if this kernel is no longer to be had, remove $VM_DIR/kernel: a current one is taken then"
    unpack "$tree/root" "linux-image-$version"
    found=$(find "$tree/root" -type d -path "*/modules/$version/kernel/drivers/scsi")
  fi
  mkdir -p "$tree/lib/modules"
  cp -al "$VM_DIR/kernel/lib/modules/$version" "$tree/lib/modules/"
  mkdir -p "$tree/lib/modules/$version/kernel/drivers/scsi"
  for module in "${SCSI_MODULES[@]}"; do
    cp "$found/$module".ko* "$tree/lib/modules/$version/kernel/drivers/scsi/"
  done
  # depmod writes anew what was linked.
  rm -f "$tree/lib/modules/$version"/modules.*.bin "$tree/lib/modules/$version"/modules.{dep,alias,symbols,softdep,devname}
  depmod -b "$tree" "$version"
  rm -rf "$tree/root"
  echo "$version" > "$tree/version"
}
