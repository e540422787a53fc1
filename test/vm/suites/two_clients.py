#!/usr/bin/env python3
# title: two clients: what one does the other sees, locks between them and with a process of the server
# kind: scenario
# versions: local 4.1 4.2
# seconds: 300
# sends: LOCK LOCKU
import fcntl
import os
import threading
import time

from selkie_vm import A, B, LOCAL, case, check, counters, equal, eventually, here, host, host_here, save, set_lock

a, b = here(A), here(B)


with case("close-to-open: what one closed the other reads"):
    for turn in range(20):
        save(f"{a}/cto", f"turn {turn} " * (turn + 1))
        equal(open(f"{b}/cto").read(), f"turn {turn} " * (turn + 1))

with case("names made and removed by one are seen by the other"):
    os.mkdir(f"{a}/names")
    for turn in range(10):
        open(f"{a}/names/{turn}", "w").close()
    eventually(lambda: len(os.listdir(f"{b}/names")) == 10)
    for turn in range(10):
        os.unlink(f"{b}/names/{turn}")
    eventually(lambda: os.listdir(f"{a}/names") == [])

with case("a local change on the server is seen by both"):
    host(f"echo local > {host_here()}/local")
    equal(open(f"{a}/local").read(), "local\n")
    host(f"echo changed there > {host_here()}/local")
    equal(open(f"{a}/local").read(), "changed there\n")
    equal(open(f"{b}/local").read(), "changed there\n")

open(f"{a}/lock", "wb").write(b"x" * 100)

with case("an exclusive lock of one keeps the other out"):
    with open(f"{a}/lock", "r+b") as left, open(f"{b}/lock", "r+b") as right:
        check(set_lock(left, fcntl.LOCK_EX, 10, 0), "the first lock")
        check(not set_lock(right, fcntl.LOCK_EX, 10, 5), "an overlapping lock was given")
        check(not set_lock(right, fcntl.LOCK_SH, 1, 9), "a shared lock was given")
        check(set_lock(right, fcntl.LOCK_EX, 10, 10), "a lock beside it")
        set_lock(left, fcntl.LOCK_UN, 10, 0)
        check(set_lock(right, fcntl.LOCK_EX, 10, 0), "it was let go")

with case("shared locks of both, an upgrade waits"):
    with open(f"{a}/lock", "r+b") as left, open(f"{b}/lock", "r+b") as right:
        check(set_lock(left, fcntl.LOCK_SH), "first")
        check(set_lock(right, fcntl.LOCK_SH), "second")
        check(not set_lock(left, fcntl.LOCK_EX), "upgraded over the other's lock")
        set_lock(right, fcntl.LOCK_UN)
        check(set_lock(left, fcntl.LOCK_EX), "upgrade")

with case("a close lets go"):
    left = open(f"{a}/lock", "r+b")
    check(set_lock(left, fcntl.LOCK_EX), "first")
    left.close()
    with open(f"{b}/lock", "r+b") as right:
        check(set_lock(right, fcntl.LOCK_EX), "after the close")

# A client that does not expect to be told when it can have a lock asks again after 1, 3 and 7 seconds; one that does
# and is not told, after 30.
HELD_SECONDS = 1 if LOCAL else 4
SOON_SECONDS = 20
LOCKS = {"fcntl": lambda file, how: set_lock(file, how, wait=True), "flock": fcntl.flock}
holders, waiters, granted = {}, {}, {}


def wait_for(name):
    with open(f"{b}/blocked.{name}", "r+b") as file:
        LOCKS[name](file, fcntl.LOCK_EX)
        granted[name] = time.monotonic()


with case("blocked locks wait, and are not asked for again meanwhile"):
    asked = 0 if LOCAL else counters(B)["LOCK"]
    for name, lock in LOCKS.items():
        holders[name] = open(f"{a}/blocked.{name}", "w+b")
        lock(holders[name], fcntl.LOCK_EX)
        waiters[name] = threading.Thread(target=wait_for, args=[name], daemon=True)
        waiters[name].start()
    if not LOCAL:
        eventually(lambda: counters(B)["LOCK"] - asked >= len(LOCKS), words="no LOCK")
    time.sleep(HELD_SECONDS)
    check(not granted, f"granted while they were held: {list(granted)}")
    if not LOCAL:
        equal(counters(B)["LOCK"] - asked, len(LOCKS), "LOCKs while both were held:")

for name, lock in LOCKS.items():
    with case(f"a blocked {name} lock is granted soon after the other lets go"):
        begin = time.monotonic()
        lock(holders[name], fcntl.LOCK_UN)
        waiters[name].join(180)
        check(name in granted, "not granted within 180 s")
        print(f"granted after {granted[name] - begin:.2f} s", flush=True)
        check(granted[name] - begin < SOON_SECONDS, f"granted after {granted[name] - begin:.1f} s only")
        holders[name].close()

PERL_LOCK = (
    "perl -e 'use Fcntl; open(F, \"+<\", $ARGV[0]) or die; "
    'my $l = pack("s s x4 q q l x4", $ARGV[1] eq "w" ? F_WRLCK : F_RDLCK, 0, $ARGV[2], $ARGV[3], 0); '
    'print fcntl(F, F_SETLK, $l) ? "got" : "denied"; '
    "if ($ARGV[4]) { $| = 1; print \"\\n\"; open(P, \"<\", $ARGV[4]); <P>; }' "
)

with case("a process of the server sees the lock of a client"):
    with open(f"{a}/lock", "r+b") as left:
        check(set_lock(left, fcntl.LOCK_EX, 10, 0), "lock")
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock r 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 10 5"), "got")
        set_lock(left, fcntl.LOCK_SH, 10, 0)
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock r 0 5"), "got")
        set_lock(left, fcntl.LOCK_UN, 10, 0)
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "got")

with case("a client sees the lock of a process of the server"):
    fifo = f"$PWD/{host_here()}/fifo"
    # It holds the lock until somebody writes into the fifo.
    # Who looks into the file may come before who writes it.
    host(f"mkfifo {fifo}; : > {host_here()}/held")
    host(f"({PERL_LOCK} {host_here()}/lock w 0 5 {fifo} > {host_here()}/held) > /dev/null 2>&1 &")
    host(f"timeout 180 tail -n +1 -f {host_here()}/held | grep -q -m 1 got")
    with open(f"{a}/lock", "r+b") as left:
        check(not set_lock(left, fcntl.LOCK_EX, 10, 0), "locked over a local process")
        check(set_lock(left, fcntl.LOCK_EX, 10, 5), "lock beside it")
        host(f"echo > {fifo}")
        eventually(lambda: set_lock(left, fcntl.LOCK_EX, 5, 0), words="the local lock never went")
