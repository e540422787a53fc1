# Boots a guest and does for it on the host what its suites ask. Sourced by run.
# shellcheck shell=bash

# A boot takes 5 s on a quiet machine. One that takes so long hangs.
readonly BOOT_SECONDS=150
# A processor here stands still when the host has no time for it, and what its kernel takes for a hang of its own
# (soft lockups, stalls of RCU, tasks blocked for long) would fail a suite. What does hang is found by the suites' limits.
readonly PATIENT_KERNEL='nowatchdog rcupdate.rcu_cpu_stall_timeout=300 sysctl.kernel.hung_task_timeout_secs=300'

# boot_guest NAME: runs the job in $WORK/NAME and returns when the machine is off. GUEST_APPEND, if set, goes to
# the kernel. The job's directory is /job there; it holds the suites to run and gets the results.
boot_guest() {
  local name=$1 job=$WORK/$1 said try machine watch begin
  mkdir -p "$job"
  said=$job/said
  for try in 1 2 3; do
    rm -f "$job"/control.{in,out} "$job/local.img" "$job/second.img"
    mkfifo "$job"/control.{in,out}
    truncate -s 4G "$job/local.img"
    truncate -s 2G "$job/second.img"
    : > "$said"
    begin=$SECONDS
    # Both ends are held open here: who opens a fifo for one side only would wait for the other.
    exec {CONTROL_OUT}<> "$job/control.out" {CONTROL_IN}<> "$job/control.in"
    {
      timeout --kill-after=5 "$GUEST_SECONDS" "${QEMU[@]}" "${GUEST_ARGUMENTS[@]}" \
        -append "console=ttyS0 panic=-1 nokaslr mitigations=off audit=0 quiet loglevel=4 $PATIENT_KERNEL${GUEST_APPEND-}" \
        -serial "file:$job/console" -pidfile "$job/qemu.pid" \
        -drive "file=$VM_DIR/root.img,if=virtio,format=raw,readonly=on" \
        -drive "file=$job/local.img,if=virtio,format=raw,cache=unsafe" \
        -drive "file=$job/second.img,if=virtio,format=raw,cache=unsafe" \
        -virtfs "local,path=$job,mount_tag=job,security_model=none" \
        -chardev "pipe,id=control,path=$job/control" -device virtserialport,chardev=control,name=control \
        -chardev "file,id=said,path=$said,append=on" -device virtserialport,chardev=said,name=said \
        < /dev/null > "$job/qemu" 2>&1 || true
      echo off >&"$CONTROL_OUT"
    } &
    machine=$!
    tail --pid="$machine" -f "$said" >&2 &
    end_hanging_boot "$job" "$machine" &
    watch=$!
    serve_guest
    wait "$machine" || true
    # Before the next machine writes down its number in the same place.
    wait "$watch" || true
    exec {CONTROL_OUT}<&- {CONTROL_IN}<&-
    rm -f "$job/local.img" "$job/second.img"
    # Emulation now and then ends a kernel in its first second, or lets it hang. That says nothing of
    # Selkie: again, as long as the job has not begun.
    [[ ! -e $job/begun ]] || break
    say "boot $try of guest $name came to nothing after $((SECONDS - begin)) s; its console ends in:"
    tail -n 5 "$job/console" "$job/qemu" >&2
  done
  [[ -s $job/status ]] && return 0
  say "guest $name ended before its job; console and words end in:"
  tail -n 15 "$job/console" "$said" "$job/qemu" >&2
  return 1
}

# Ends a machine whose job does not begin. The guest's first words are those of the driver, which
# marks the job as begun before it says them.
end_hanging_boot() {
  local job=$1 machine=$2
  if ! timeout "$BOOT_SECONDS" grep -q -m 1 'guest is up' < <(tail --pid="$machine" -n +1 -f "$job/said" 2> /dev/null) &&
    [[ ! -e $job/begun && -s $job/qemu.pid ]] && kill -KILL "$(< "$job/qemu.pid")" 2> /dev/null; then
    say "no job has begun in $BOOT_SECONDS s; ended the machine"
  fi
}

# One request is one line: a command for bash, which runs in the export's directory with the
# functions of server.sh at hand. The answer is one line: exit status, and what it said in base64.
serve_guest() {
  local request status
  while IFS= read -r request <&"$CONTROL_OUT"; do
    [[ $request != off ]] || return 0
    status=0
    # Into a file: what a request leaves running in the background must not hold up the answer.
    (set +eu +o pipefail; cd "$EXPORT" && eval "$request") > "$WORK/answer" 2>&1 < /dev/null || status=$?
    printf '%s %s\n' "$status" "$(base64 -w 0 "$WORK/answer")" >&"$CONTROL_IN"
  done
}

# guest_arguments JVM JOB [KERNEL IMAGE]: of the kernel that is unpacked there, with its boot image.
# GUEST_MACHINE and GUEST_MORE_MEMORY, if set, go into the words that describe machine and memory.
guest_arguments() {
  local jvm=$1 job=$2 kernel=${3:-$VM_DIR/kernel} image=${4:-$VM_DIR/initrd} tags=()
  GUEST_ARGUMENTS=(
    -M "${GUEST_MACHINE-q35}" -accel "tcg,thread=multi,tb-size=512" -cpu max -smp 2 -m "$GUEST_MIB${GUEST_MORE_MEMORY-}"
    -nodefaults -display none -monitor none -no-reboot
    -kernel "$kernel/vmlinuz" -initrd "$image"
    -netdev user,id=net0 -device "virtio-net-pci,netdev=net0,romfile="
    -netdev user,id=net1 -device "virtio-net-pci,netdev=net1,romfile="
    -virtfs "local,path=$kernel/lib/modules/$(< "$kernel/version"),mount_tag=modules,security_model=none,readonly=on"
    -virtfs "local,path=$VM_DIR/source,mount_tag=source,security_model=none,readonly=on"
    -device virtio-serial-pci
  )
  tags=('source /source ro,cache=loose')
  if [[ -n $jvm ]]; then
    GUEST_ARGUMENTS+=(-virtfs "local,path=$jvm,mount_tag=jvm,security_model=none,readonly=on")
    tags+=("jvm $jvm ro,cache=loose")
  fi
  mkdir -p "$job"
  printf '%s\n' "${tags[@]}" > "$job/shares"
}
