# The second stage of a guest that runs JUnit classes, as far as all such guests have it in common. Sourced by
# /job/guest/start, in the guest.
# shellcheck shell=sh

# guest_up RUN_SIZE SHM_SIZE: file systems in memory, the host's ear, networks.
guest_up() {
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
  mount -t tmpfs tmp /tmp
  mount -t tmpfs -o "size=$1" run /run
  mkdir -p /dev/pts /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t tmpfs -o "size=$2" shm /dev/shm
  ln -sf /proc/self/fd /dev/fd
  hostname guest
  for port in /sys/class/virtio-ports/*; do
    ln -sf "/dev/${port##*/}" "/dev/$(cat "$port/name")"
  done
  : > /job/begun
  echo "  guest is up: Linux $(uname -r), $(cut -d ' ' -f 1 /proc/uptime) s after its start" > /dev/said
  ip link set lo up
  ip link set eth0 up
  ip addr add 10.0.2.15/24 dev eth0
  ulimit -l unlimited
  ulimit -c 0
}

rxe_up() {
  modprobe -a ib_uverbs rdma_ucm rdma_rxe
  rdma link add rxe0 type rxe netdev eth0
}

# run_tests FLAGS: the classes of /job/tests. Flags are for the JVM; a quick start counts for more here than
# quick code.
run_tests() {
  cp -r /job/selkie /run/
  cd /tmp || exit
  # shellcheck disable=SC2046,SC2086
  "$(cat /job/java)/bin/java" @/run/selkie/jvm.options -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -ea \
    -XX:ErrorFile=/job/hs_err.log $1 $(cat /job/seed 2> /dev/null) \
    -cp "$(cat /run/selkie/classpath)" "$(cat /job/runner)" $(cat /job/tests) > /job/output 2>&1
  echo $? > /job/status
  grep -E '^(ok|not ok) |passed' /job/output | sed 's/^/  /' > /dev/said
}

# Only the kernel ends this machine.
guest_down() {
  dmesg > /job/dmesg
  sync
  echo o > /proc/sysrq-trigger
  exec sleep 60
}
