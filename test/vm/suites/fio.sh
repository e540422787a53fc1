#!/bin/bash
# title: fio: random, sequential, direct and mapped writes, every byte verified
# kind: compare
# versions: 4.1 4.2
# seconds: 300
set -u
# One that fails the same way everywhere must not pass for one that is equal everywhere.
failed=0
work() { # NAME OPTIONS: what fio counted, if it found no wrong byte
  local name=$1 out status=0
  shift
  echo "== $name"
  out=$(fio --name="$name" --directory=. --verify=crc32c --verify_fatal=1 --randseed=7 --thread --fallocate=none \
    --output-format=terse --terse-version=3 "$@" 2> fio.err) || status=$?
  # Fields of the terse line: 5 is the error, 6 KiB read, 47 KiB written.
  echo "exit $status $(awk -F ';' '/^3;/ { print "error " $5 ", read " $6 " KiB, wrote " $47 " KiB" }' <<< "$out") $(< fio.err)"
  if [[ $status -ne 0 || $(awk -F ';' '/^3;/ && $5 == 0 { jobs++ } END { print jobs + 0 }' <<< "$out") -eq 0 ]]; then
    echo "fio failed in $name: $(< fio.err)" >&2
    failed=1
  fi
  stat -c "%s bytes" "$name"*
  rm -f "$name"* fio.err
}
work sequential --rw=write --bs=256k --size=6m --end_fsync=1
work random --rw=randwrite --bs=4k --size=2m --fdatasync=64
work odd --rw=randwrite --bsrange=512-24k --bs_unaligned --size=2m --norandommap=0
work mixed --rw=randrw --rwmixread=50 --bs=8k --size=2m --numjobs=2
work direct --rw=randwrite --bs=16k --size=2m --direct=1 --ioengine=libaio --iodepth=8
work mapped --rw=randwrite --bs=4k --size=2m --ioengine=mmap
work synchronous --rw=write --bs=32k --size=1m --sync=1
exit "$failed"
