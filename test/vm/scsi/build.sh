# Builds what the guest with SCSI disks needs beside what every guest does: the modules of the SCSI layer, and the
# programs of an iSCSI initiator, of the device mapper and of md. Sourced by run, after ../lib/build.sh. Everything lies below $VM_DIR/scsi.
# shellcheck shell=bash

readonly SCSI_PACKAGES=(open-iscsi libisns0 libopeniscsiusr dmsetup libdevmapper1.02.1 mdadm libudev1)

scsi_build() {
  local lock
  mkdir -p "$VM_DIR/scsi"
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'SCSI modules' modules_with "$VM_DIR/scsi" scsi iscsi_tcp
  step 'tools for disks' packages_in "$VM_DIR/scsi/tools" "${SCSI_PACKAGES[@]}"
  flock -u "$lock"
}
