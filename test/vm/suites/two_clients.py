#!/usr/bin/env python3
# title: two clients: what one does the other sees, locks between them and with a process of the server
# kind: scenario
# versions: 4.1 4.2
# seconds: 300
import errno
import fcntl
import os
import threading
import time

from selkie_vm import A, B, case, check, equal, eventually, here, host, host_here

a, b = here(A), here(B)


def try_lock(file, how, length=0, start=0):
    try:
        fcntl.lockf(file, how | fcntl.LOCK_NB, length, start)
        return True
    except OSError as trouble:
        if trouble.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False


with case("close-to-open: what one closed the other reads"):
    for turn in range(20):
        with open(f"{a}/cto", "w") as file:
            file.write(f"turn {turn} " * (turn + 1))
        equal(open(f"{b}/cto").read(), f"turn {turn} " * (turn + 1))

with case("names made and removed by one are seen by the other"):
    os.mkdir(f"{a}/names")
    for turn in range(10):
        open(f"{a}/names/{turn}", "w").close()
    eventually(lambda: len(os.listdir(f"{b}/names")) == 10, 70)
    for turn in range(10):
        os.unlink(f"{b}/names/{turn}")
    eventually(lambda: os.listdir(f"{a}/names") == [], 70)

with case("a local change on the server is seen by both"):
    host(f"echo local > {host_here()}/local")
    equal(open(f"{a}/local").read(), "local\n")
    host(f"echo changed there > {host_here()}/local")
    equal(open(f"{a}/local").read(), "changed there\n")
    equal(open(f"{b}/local").read(), "changed there\n")

open(f"{a}/lock", "wb").write(b"x" * 100)

with case("an exclusive lock of one keeps the other out"):
    with open(f"{a}/lock", "r+b") as left, open(f"{b}/lock", "r+b") as right:
        check(try_lock(left, fcntl.LOCK_EX, 10, 0), "the first lock")
        check(not try_lock(right, fcntl.LOCK_EX, 10, 5), "an overlapping lock was given")
        check(not try_lock(right, fcntl.LOCK_SH, 1, 9), "a shared lock was given")
        check(try_lock(right, fcntl.LOCK_EX, 10, 10), "a lock beside it")
        fcntl.lockf(left, fcntl.LOCK_UN, 10, 0)
        check(try_lock(right, fcntl.LOCK_EX, 10, 0), "it was let go")

with case("shared locks of both, an upgrade waits"):
    with open(f"{a}/lock", "r+b") as left, open(f"{b}/lock", "r+b") as right:
        check(try_lock(left, fcntl.LOCK_SH), "first")
        check(try_lock(right, fcntl.LOCK_SH), "second")
        check(not try_lock(left, fcntl.LOCK_EX), "upgraded over the other's lock")
        fcntl.lockf(right, fcntl.LOCK_UN)
        check(try_lock(left, fcntl.LOCK_EX), "upgrade")

with case("a close lets go"):
    left = open(f"{a}/lock", "r+b")
    check(try_lock(left, fcntl.LOCK_EX), "first")
    left.close()
    with open(f"{b}/lock", "r+b") as right:
        check(try_lock(right, fcntl.LOCK_EX), "after the close")

for name, lock in (("fcntl", fcntl.lockf), ("flock", fcntl.flock)):
    with case(f"a blocked {name} lock is granted soon after the other lets go"):
        with open(f"{a}/lock", "r+b") as left, open(f"{b}/lock", "r+b") as right:
            lock(left, fcntl.LOCK_EX)
            granted = []
            waiter = threading.Thread(target=lambda: (lock(right, fcntl.LOCK_EX), granted.append(time.monotonic())))
            waiter.start()
            time.sleep(1.5)
            check(not granted, "granted while it was held")
            begin = time.monotonic()
            lock(left, fcntl.LOCK_UN)
            waiter.join(45)
            check(granted, "not granted within 45 s")
            # A client that is not told asks every second at first, and every 30 seconds at last.
            check(granted[0] - begin < 20, f"granted after {granted[0] - begin:.1f} s only")

PERL_LOCK = (
    "perl -e 'use Fcntl; open(F, \"+<\", $ARGV[0]) or die; "
    'my $l = pack("s s x4 q q l x4", $ARGV[1] eq "w" ? F_WRLCK : F_RDLCK, 0, $ARGV[2], $ARGV[3], 0); '
    'print fcntl(F, F_SETLK, $l) ? "got" : "denied"; '
    "if ($ARGV[4]) { $| = 1; print \"\\n\"; open(P, \"<\", $ARGV[4]); <P>; }' "
)

with case("a process of the server sees the lock of a client"):
    with open(f"{a}/lock", "r+b") as left:
        check(try_lock(left, fcntl.LOCK_EX, 10, 0), "lock")
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock r 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 10 5"), "got")
        fcntl.lockf(left, fcntl.LOCK_SH, 10, 0)
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "denied")
        equal(host(f"{PERL_LOCK} {host_here()}/lock r 0 5"), "got")
        fcntl.lockf(left, fcntl.LOCK_UN, 10, 0)
        equal(host(f"{PERL_LOCK} {host_here()}/lock w 0 5"), "got")

with case("a client sees the lock of a process of the server"):
    fifo = f"$PWD/{host_here()}/fifo"
    # It holds the lock until somebody writes into the fifo.
    host(f"mkfifo {fifo}; ({PERL_LOCK} {host_here()}/lock w 0 5 {fifo} > {host_here()}/held) > /dev/null 2>&1 &")
    host(f"timeout 20 tail -n 1 -f {host_here()}/held | grep -q -m 1 got")
    with open(f"{a}/lock", "r+b") as left:
        check(not try_lock(left, fcntl.LOCK_EX, 10, 0), "locked over a local process")
        check(try_lock(left, fcntl.LOCK_EX, 10, 5), "lock beside it")
        host(f"echo > {fifo}")
        eventually(lambda: try_lock(left, fcntl.LOCK_EX, 5, 0), 20, "the local lock never went")
