# Builds the guest that has the kernel's software iWARP (siw): stock Debian kernel, siw from that kernel's
# source package, rping, and the peer that a test drives. Sourced by run, after ../lib/build.sh.
# Everything lies below $VM_DIR/siw and is built once; it is built anew when the sources here change.
# shellcheck shell=bash

# All the guest is: modules, libraries and programs in one memory file system, no disk.
readonly SIW_MODULES=(virtio_pci virtio_net crc32c_generic rdma_cm rdma_ucm ib_uverbs siw)
readonly SIW_PACKAGES=(rdmacm-utils librdmacm1 librdmacm-dev libibverbs1 libibverbs-dev ibverbs-providers
  libnl-3-200 libnl-route-3-200)

siw_build() {
  local lock
  mkdir -p "$VM_DIR/siw"
  # The one that other suites of virtual machines hold while they build: the package lists are shared.
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'host packages' install_debian_packages
  step 'package lists' package_lists
  step emulator emulator
  step 'kernel with siw' siw_kernel
  step 'RDMA libraries' siw_libraries
  step 'boot image' siw_image
  flock -u "$lock"
}

# Kernel and module. Debian does not build siw, so it is made of the source package against the headers.
siw_kernel() {
  local tree=$VM_DIR/siw/kernel made_of suite image version headers release source
  made_of=$(declare -f siw_kernel siw_module | sha256sum)
  [[ $(cat "$tree/made-of" 2> /dev/null) != "$made_of" ]] || return 0
  rm -rf "$tree"
  mkdir -p "$tree"
  suite=$(< "$VM_DIR/apt/codename")
  image=$(own_apt cache show "linux-image-amd64/$suite" | sed -nE 's/^Depends: ([^ ,]*).*/\1/p' | awk 'NR == 1')
  [[ -n $image ]] || fail "no linux-image-amd64 in $suite"
  version=${image#linux-image-}
  release=$(own_apt cache show "$image/$suite" | sed -nE 's/^Version: (.*)/\1/p' | awk 'NR == 1')
  source=$(own_apt cache show "linux-source/$suite" | sed -nE 's/^Depends: ([^ ,]*).*/\1/p' | awk 'NR == 1')
  mapfile -t headers < <(own_apt cache show "linux-headers-$version/$suite" |
    sed -nE '/^Depends: /{s///; s/ *\([^)]*\)//g; s/, */\n/g; p}' | grep '^linux-' | sort -u)
  unpack "$tree/root" "$image/$suite" "linux-headers-$version/$suite" "${headers[@]/%//$suite}" "$source=$release"
  siw_module "$tree/root" "$version"
  mkdir -p "$tree/lib"
  mv "$tree/root/lib/modules" "$tree/lib/"
  depmod -b "$tree" "$version"
  mv "$tree/root/boot/vmlinuz-$version" "$tree/vmlinuz"
  rm -rf "$tree/root"
  echo "$version" > "$tree/version"
  echo "$made_of" > "$tree/made-of"
}

# siw_module ROOT VERSION: builds it there, among the unpacked headers, and puts it beside the kernel's modules.
siw_module() {
  local root=$1 version=$2 headers=$1/usr/src/linux-headers-$2 into=$1/siw
  mkdir -p "$into"
  xz -dcq "$root"/usr/src/linux-source-*.tar.xz |
    tar -x -C "$into" --strip-components=5 --wildcards '*/drivers/infiniband/sw/siw/*'
  # What the module has as constants a test wants to choose: CRC, revision, who is ready first.
  sed -i -E 's/^const bool (mpa_crc_required|peer_to_peer);/bool \1;\nmodule_param(\1, bool, 0644);/
    s/^u_char mpa_version = .*;/&\nmodule_param(mpa_version, byte, 0644);/' "$into/siw_main.c"
  sed -i -E 's/^extern const bool (mpa_crc_required|peer_to_peer);/extern bool \1;/' "$into/siw.h"
  # The headers expect themselves below /usr/src.
  sed -i "s,/usr/src/,$root/usr/src/," "$headers/Makefile"
  make -s -C "$headers" "M=$into" CONFIG_RDMA_SIW=m CC="${CC:-gcc}" modules > "$VM_DIR/siw/module.log" 2>&1 ||
    fail "siw could not be built for Linux $version, see $VM_DIR/siw/module.log: $(tail -n 3 "$VM_DIR/siw/module.log")"
  mkdir -p "$root/lib/modules/$version/updates"
  strip --strip-debug -o "$root/lib/modules/$version/updates/siw.ko" "$into/siw.ko"
}

siw_libraries() {
  local tree=$VM_DIR/siw/libraries
  [[ $(cat "$tree/made-of" 2> /dev/null) != "${SIW_PACKAGES[*]}" ]] || return 0
  rm -rf "$tree"
  unpack "$tree" "${SIW_PACKAGES[@]}"
  echo "${SIW_PACKAGES[*]}" > "$tree/made-of"
}

siw_image() {
  local image=$VM_DIR/siw/initrd libraries=$VM_DIR/siw/libraries made_of version tree file base module program
  local path=$libraries/usr/lib/x86_64-linux-gnu:$libraries/lib/x86_64-linux-gnu
  made_of=$(cat "$HERE"/* "$VM_DIR/siw/kernel/made-of" "$libraries/made-of" | sha256sum)
  [[ ! -e $image || $(cat "$image.made-of" 2> /dev/null) != "$made_of" ]] || return 0
  version=$(< "$VM_DIR/siw/kernel/version")
  tree=$(mktemp -d "$VM_DIR/siw/initrd.XXXXXX")
  mkdir -p "$tree"/{modules,bin,etc/libibverbs.d,usr/lib/x86_64-linux-gnu/libibverbs}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 755 "$HERE/init" "$tree/init"
  gcc -O2 -Wall -Wextra -Werror -I "$libraries/usr/include" -o "$tree/bin/siw-peer" \
    "$HERE"/{peer,memory,connections}.c \
    -L "${path%%:*}" -L "${path##*:}" -Wl,-rpath-link,"$path" -lrdmacm -libverbs
  gcc -O2 -Wall -Wextra -Werror -I "$libraries/usr/include" -o "$tree/bin/siw-link" "$HERE/link.c"
  cp "$libraries/usr/bin/rping" "$tree/bin/"
  cp "$libraries/etc/libibverbs.d/siw.driver" "$tree/etc/libibverbs.d/"
  cp "${path%%:*}"/libibverbs/libsiw-*.so "$tree/usr/lib/x86_64-linux-gnu/libibverbs/"
  for program in "$tree"/bin/{siw-peer,siw-link,rping} "$tree"/usr/lib/x86_64-linux-gnu/libibverbs/*; do
    LD_LIBRARY_PATH=$path ldd "$program"
  done | sed -nE 's/.* => ([^ ]+) .*/\1/p; s/^\s*(\/[^ ]*ld-[^ ]*) .*/\1/p' | sort -u | while read -r file; do
    # The loader is asked for at its own place, the others are found anywhere below /usr/lib.
    [[ $file == */ld-* ]] && base=$file || base=/usr/lib/x86_64-linux-gnu/$(basename "$file")
    install -D "$file" "$tree$base"
  done
  # Looked for only when a thread is cancelled, which rping does.
  cp "$(gcc -print-file-name=libgcc_s.so.1)" "$tree/usr/lib/x86_64-linux-gnu/"
  ln -s usr/lib "$tree/lib"
  for module in "${SIW_MODULES[@]}"; do
    modprobe -d "$VM_DIR/siw/kernel" -S "$version" --show-depends "$module" 2> /dev/null |
      sed -nE 's/^insmod ([^ ]*).*/\1/p'
  done | awk '!seen[$0]++' | while read -r file; do
    base=$(basename "$file")
    case $file in
      *.xz) xz -dc "$file" > "$tree/modules/${base%.xz}" ;;
      *.zst) zstd -qdc "$file" > "$tree/modules/${base%.zst}" ;;
      *) cp "$file" "$tree/modules/" ;;
    esac
    echo "${base%%.ko*}.ko" >> "$tree/modules/order"
  done
  (cd "$tree" && find . | cpio -o -H newc --quiet) > "$image.new"
  mv "$image.new" "$image"
  echo "$made_of" > "$image.made-of"
  rm -rf "$tree"
}
