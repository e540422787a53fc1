# Builds what a guest needs, from Debian packages: emulator, kernel, root file system, a source package.
# Sourced by run. Everything lies under $VM_DIR and is built once; to build anew, remove that directory.
# shellcheck shell=bash

readonly GUEST_PACKAGES=(
  kmod iproute2 procps psmisc util-linux netbase keyutils libcap2-bin
  nfs-common nfs4-acl-tools attr acl xfsprogs e2fsprogs fio
  gcc libc6-dev make dpkg-dev python3 strace
)
# The project that is built on the mount; a small one in C with tests of its own.
readonly SOURCE_PACKAGE=zlib
# Modules of the kernel that nobody needs here; they make half of its size.
readonly USELESS_MODULES=(sound drivers/gpu drivers/media drivers/net/wireless drivers/staging
  drivers/iio drivers/hwmon drivers/input drivers/scsi drivers/usb)
# Of drivers/: what most guests do not need and some do.
readonly ASIDE_MODULES=(infiniband scsi)
readonly BOOT_MODULES=(virtio_pci virtio_blk virtio_net virtio_console ext4 overlay 9p 9pnet_virtio)

# Not empty once this run has brought the package lists up to date.
LISTS_ARE_FRESH=

build_all() {
  mkdir -p "$VM_DIR"
  local lock
  exec {lock}> "$VM_DIR/lock"
  flock "$lock"
  step 'host packages' install_debian_packages
  step 'package lists' package_lists
  step emulator emulator
  step kernel kernel
  step 'source package' source_package
  step 'root file system' root_file_system
  step 'boot image' boot_image
  flock -u "$lock"
}

# A package configuration of our own: the machine's mirror and keys, the machine's suite with its
# sources and its backports. Nothing of the machine's own package state is touched.
package_lists() {
  local etc=$VM_DIR/apt codename mirror key=/usr/share/keyrings/debian-archive-keyring.gpg suite
  [[ ! -e $etc/done ]] || return 0
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && [[ $ID == debian ]] && echo "$VERSION_CODENAME") ||
    fail "needs a Debian host: the guest is made of the packages of the host's own suite"
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || fail "no Debian mirror in /etc/apt/sources.list and /etc/apt/sources.list.d"
  rm -rf "$etc"
  mkdir -p "$etc"/{lists/partial,cache/archives/partial}
  : > "$etc/status"
  for suite in "$codename" "$codename-backports"; do
    echo "deb [signed-by=$key] $mirror $suite main"
  done > "$etc/sources.list"
  echo "deb-src [signed-by=$key] $mirror $codename main" >> "$etc/sources.list"
  echo "$mirror" > "$etc/mirror"
  echo "$codename" > "$etc/codename"
  cat > "$etc/apt.conf" << END
Dir::Etc::sourcelist "$etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State::Lists "$etc/lists";
Dir::State::status "$etc/status";
Dir::Cache "$etc/cache";
APT::Sandbox::User "root";
END
  own_apt get update || fail "the package lists of $mirror could not be had"
  LISTS_ARE_FRESH=yes
  touch "$etc/done"
}

# Brings the lists up to date, once in a run, before something is built from them: a mirror drops what
# is superseded. Without the mirror the old ones have to do.
fresh_lists() {
  [[ -z $LISTS_ARE_FRESH ]] || return 0
  LISTS_ARE_FRESH=yes
  mkdir -p "$VM_DIR"/apt/{lists,cache/archives}/partial
  own_apt get update || say "the package lists of $(< "$VM_DIR/apt/mirror") could not be had anew; using the old ones"
}

# Prints the mirror of the machine whose /etc/apt it is: of either form of a source, and where that
# names a list of mirrors (as cloud images do), the first of those.
debian_mirror() {
  local apt=${1:-/etc/apt} uri
  # A file that is not there is no error: every machine has one form or the other.
  { cat "$apt/sources.list" "$apt"/sources.list.d/*.{list,sources} 2> /dev/null || true; } |
    sed -nE 's,^URIs: *,,p; s,^deb (\[[^]]*\] )?([^ ]*) .*,\2,p' | tr -s ' ' '\n' |
    while read -r uri; do
      case $uri in
        mirror+file:*)
          uri=${uri#mirror+file:}
          grep -vE '^[[:space:]]*(#|$)' "${uri#//}" 2> /dev/null | awk 'NR == 1 { print $1 }' || true
          ;;
        *) echo "$uri" ;;
      esac
    done | sed -nE 's,^([^ ]*/debian)/?$,\1,p' | awk 'NR == 1'
}

own_apt() {
  local tool=$1
  shift
  APT_CONFIG=$VM_DIR/apt/apt.conf "apt-$tool" -qq "$@"
}

# fetch DIRECTORY WHAT ...: "apt-get WHAT ..." there. When that fails, once more with fresh lists.
fetch() {
  local into=$1 words
  shift
  # Its words, mostly of a sandbox that there is none, matter to nobody while it succeeds.
  words=$(cd "$into" && own_apt get "$@" 2>&1) && return
  if [[ -z $LISTS_ARE_FRESH ]]; then
    say "once more, with fresh package lists, because of: $words"
    fresh_lists
    words=$(cd "$into" && own_apt get "$@" 2>&1) && return
  fi
  fail "could not be had from $(< "$VM_DIR/apt/mirror"), even with fresh package lists: apt-get $*: $words"
}

# Fetches packages and unpacks them side by side into a directory; nothing is installed.
unpack() {
  local into=$1 fetched package
  shift
  fetched=$(mktemp -d "$VM_DIR/fetch.XXXXXX")
  fetch "$fetched" download "$@"
  for package in "$fetched"/*.deb; do
    dpkg-deb -x "$package" "$into"
  done
  rm -rf "$fetched"
}

# packages_in DIRECTORY PACKAGE ...: has them unpacked there, all below its usr.
packages_in() {
  local tree=$1 top
  shift
  [[ $(cat "$tree/done" 2> /dev/null) != "$* in usr" ]] || return 0
  fresh_lists
  rm -rf "$tree"
  mkdir -p "$tree"
  unpack "$tree" "$@"
  # In the guest these are links.
  for top in bin sbin lib; do
    [[ ! -d $tree/$top ]] || (mkdir -p "$tree/usr/$top" && cp -r "$tree/$top/." "$tree/usr/$top/")
    rm -rf "${tree:?}/$top"
  done
  echo "$* in usr" > "$tree/done"
}

# The emulator of the backports is twice as fast as that of Debian 12, and does not stumble in early
# boot; the host's own will do where there is none.
emulator() {
  local tree=$VM_DIR/qemu backports
  [[ ! -e $tree/program ]] || return 0
  fresh_lists
  rm -rf "$tree"
  mkdir -p "$tree"
  backports=$(< "$VM_DIR/apt/codename")-backports
  if own_apt cache show "qemu-system-x86/$backports" > "$tree/known" 2> /dev/null && [[ -s $tree/known ]]; then
    unpack "$tree/root" qemu-system-x86/"$backports" qemu-system-common/"$backports" \
      qemu-system-data/"$backports"
    echo "$tree/root/usr/bin/qemu-system-x86_64 -L $tree/root/usr/share/qemu -L /usr/share/qemu -L /usr/share/seabios" \
      > "$tree/program.new"
    # shellcheck disable=SC2046
    $(< "$tree/program.new") -version > "$tree/version" 2>&1 && mv "$tree/program.new" "$tree/program"
  fi
  if [[ ! -e $tree/program ]]; then
    say "no emulator of $backports that runs here; taking the host's"
    qemu-system-x86_64 -version > "$tree/version" || fail 'cannot have a virtual machine: qemu does not run'
    echo qemu-system-x86_64 > "$tree/program"
  fi
}

# The stock kernel of the backports: that of a current Debian. The suite's own where there is none.
kernel() {
  local tree=$VM_DIR/kernel suite package version modules directory
  [[ ! -e $tree/version ]] || return 0
  fresh_lists
  rm -rf "$tree"
  mkdir -p "$tree"
  suite=$(< "$VM_DIR/apt/codename")
  own_apt cache show "linux-image-amd64/$suite-backports" 2> /dev/null | grep . > "$tree/known" && suite+=-backports
  package=$(own_apt cache show "linux-image-amd64/$suite" | sed -nE 's/^Depends: ([^ ,]*).*/\1/p' | awk 'NR == 1')
  [[ -n $package ]] || fail "no linux-image-amd64 in $suite"
  unpack "$tree/root" "$package/$suite"
  modules=$tree/root/lib/modules
  [[ -d $modules ]] || modules=$tree/root/usr/lib/modules
  version=$(ls "$modules")
  mkdir -p "$tree/lib"
  mv "$modules" "$tree/lib/modules"
  # Guests that need them take these from here: the mirror may have dropped this kernel by then.
  mkdir "$tree/aside"
  for directory in "${ASIDE_MODULES[@]}"; do
    [[ ! -d $tree/lib/modules/$version/kernel/drivers/$directory ]] ||
      mv "$tree/lib/modules/$version/kernel/drivers/$directory" "$tree/aside/"
  done
  (cd "$tree/lib/modules/$version/kernel" && rm -rf "${USELESS_MODULES[@]}")
  depmod -b "$tree" "$version"
  mv "$tree/root/boot/vmlinuz-$version" "$tree/vmlinuz"
  rm -rf "$tree/root"
  echo "$version" > "$tree/version"
}

# modules_with TREE DIRECTORY MODULE: the modules of every guest's kernel below TREE, with those of drivers/DIRECTORY,
# which other guests have no use for; MODULE is one of these. The kernel that boots stays what it is.
modules_with() {
  local tree=$1 directory=$2 module=$3 version found want
  version=$(< "$VM_DIR/kernel/version")
  want="$version with $module"
  [[ $(cat "$tree/version" 2> /dev/null) != "$want" ]] || return 0
  rm -rf "$tree/lib" "$tree/root"
  found=$VM_DIR/kernel/aside/$directory
  if [[ -z $(find "$found" -name "$module.ko*" 2> /dev/null) ]]; then
    # A kernel that was unpacked before they were kept.
    say "if this kernel is no longer to be had, remove $VM_DIR/kernel: a current one is taken then"
    unpack "$tree/root" "linux-image-$version"
    found=$(find "$tree/root" -type d -path "*/modules/$version/kernel/drivers/$directory")
  fi
  mkdir -p "$tree/lib/modules"
  cp -al "$VM_DIR/kernel/lib/modules/$version" "$tree/lib/modules/"
  mkdir -p "$tree/lib/modules/$version/kernel/drivers"
  cp -r "$found" "$tree/lib/modules/$version/kernel/drivers/"
  # depmod writes anew what was linked.
  rm -f "$tree/lib/modules/$version"/modules.*.bin "$tree/lib/modules/$version"/modules.{dep,alias,symbols,softdep,devname}
  depmod -b "$tree" "$version"
  rm -rf "$tree/root"
  echo "$want" > "$tree/version"
}

source_package() {
  local tree=$VM_DIR/source
  [[ ! -e $tree/done ]] || return 0
  rm -rf "$tree"
  mkdir -p "$tree"
  fetch "$tree" source --download-only "$SOURCE_PACKAGE"
  touch "$tree/done"
}

# One read-only image, shared by all guests; what a guest writes goes to memory and is forgotten.
root_file_system() {
  local tree=$VM_DIR/root image=$VM_DIR/root.img packages mib want
  packages=$(IFS=,; echo "${GUEST_PACKAGES[*]}")
  want="$packages $(< "$VM_DIR/apt/codename")"
  [[ ! -e $image || $(cat "$image.made-of" 2> /dev/null) != "$want" ]] || return 0
  [[ $(id -u) -eq 0 ]] || fail 'the root file system of a guest can be built by root only (debootstrap); once built, anybody may use it'
  rm -rf "$tree" "$image"
  debootstrap --variant=minbase --include="$packages" "$(< "$VM_DIR/apt/codename")" "$tree" \
    "$(< "$VM_DIR/apt/mirror")" > "$VM_DIR/debootstrap.log" 2>&1 ||
    fail "debootstrap failed, see $VM_DIR/debootstrap.log: $(tail -n 3 "$VM_DIR/debootstrap.log")"
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* \
    "$tree"/usr/share/{doc,man,locale} "$tree"/etc/apt/sources.list
  mkdir -p "$tree"/{job,local,export,mnt/a,mnt/b,mnt/c} "$tree"/usr/lib/jvm
  printf '127.0.0.1 localhost guest\n' > "$tree/etc/hosts"
  echo guest > "$tree/etc/hostname"
  printf 'alice:x:1001:1001::/tmp:/bin/sh\nbob:x:1002:1002::/tmp:/bin/sh\n' >> "$tree/etc/passwd"
  printf 'alice:x:1001:\nbob:x:1002:\nteam:x:1100:alice,bob\n' >> "$tree/etc/group"
  mib=$(($(du -sm "$tree" | cut -f1) * 115 / 100 + 64))
  truncate -s "${mib}M" "$image"
  mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$tree" "$image"
  rm -rf "$tree"
  echo "$want" > "$image.made-of"
}

# boot_image [KERNEL IMAGE]: of the kernel that is unpacked there.
boot_image() {
  local kernel=${1:-$VM_DIR/kernel} image=${2:-$VM_DIR/initrd} version tree module file base
  local modules=("${BOOT_MODULES[@]}")
  [[ ! $image -nt $HERE/guest/init || ! $image -nt $kernel/version ]] || return 0
  version=$(< "$kernel/version")
  # Older kernels have the checksum of ext4 in a module that it does not name.
  [[ -z $(find "$kernel/lib/modules/$version" -name 'crc32c_generic.ko*') ]] || modules=(crc32c_generic "${modules[@]}")
  tree=$(mktemp -d "$VM_DIR/initrd.XXXXXX")
  mkdir -p "$tree"/{modules,bin}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  install -m 755 "$HERE/guest/init" "$tree/init"
  for module in "${modules[@]}"; do
    modprobe -d "$kernel" -S "$version" --show-depends "$module" 2> /dev/null |
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
  rm -rf "$tree"
}
