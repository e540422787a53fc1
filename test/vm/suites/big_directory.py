#!/usr/bin/env python3
# title: a directory of 100,000 entries, listed by two clients while it changes
# kind: scenario
# versions: local 4.1 4.2
# seconds: 400
# sends: READDIR
import errno
import mmap
import os
import time

from selkie_vm import A, B, LOCAL, case, check, counters, equal, here, host, host_here

# An emulated machine takes a quarter of a minute to make 100,000 files of its own.
COUNT = 10_000 if LOCAL else 100_000
LISTINGS_MAX = 20
directory = f"{host_here()}/big"
host(f"mkdir {directory} && cd {directory} && seq -f n%06.0f {COUNT} | xargs touch")
EXPECTED = {f"n{number:06d}" for number in range(1, COUNT + 1)}


def list_names(mount, changes):
    """Every entry that was there all the time comes exactly once; nothing else but what is made meanwhile."""
    # Its client learns that the directory has changed, and asks the server.
    os.utime(f"{here(mount)}/big")
    asked = 0 if LOCAL else counters(mount)["READDIR"]
    begin = time.monotonic()
    names = os.listdir(f"{here(mount)}/big")
    print(f"{mount}: {len(names)} names in {time.monotonic() - begin:.1f} s", flush=True)
    check(LOCAL or counters(mount)["READDIR"] > asked, "listed out of the client's cache")
    stable = [name for name in names if name[0] == "n"]
    equal(len(stable), len(set(stable)), "doubled names:")
    missing, strange = EXPECTED - set(stable), set(stable) - EXPECTED
    check(not missing, f"{len(missing)} missing: {sorted(missing)[:5]}")
    check(not strange, f"{len(strange)} strange: {sorted(strange)[:5]}")
    others = [name for name in names if name[0] != "n"]
    equal(len(others), len(set(others)), "doubled new names:")
    check(changes or not others, f"names that were never there: {others[:5]}")


def list_while_it_changes(mount, changed):
    """
    Lists until changes were made during a listing; each one, with changes or not, has to be right.

    changed: how many changes were made by now
    """
    fallen = 0
    for _ in range(LISTINGS_MAX):
        before = changed()
        list_names(mount, True)
        fallen = changed() - before
        if fallen > 0:
            print(f"{mount}: {fallen} changes during the listing", flush=True)
            return
    check(False, f"nothing was changed during any of {LISTINGS_MAX} listings")


with case("listed as it is"):
    list_names(A, False)

with case("listed while a process of the server makes and removes other entries"):
    rounds = f"{host_here()}/rounds"
    host(
        f"echo 0 > {rounds}; cd {directory}; (for round in {{1..20000}}; do [ ! -e ../stop ] || break; sleep 0.02;"
        " for i in 1 2 3 4 5 6 7 8 9; do : > x$i$RANDOM; done; rm -f x*; echo $round > ../next && mv ../next ../rounds;"
        f" done) > /dev/null 2>&1 & echo $! > ../changer"
    )
    try:
        for mount in (B, A):
            list_while_it_changes(mount, lambda: int(host(f"cat {rounds}")))
    finally:
        host(f": > {host_here()}/stop; timeout 180 tail --pid=$(cat {host_here()}/changer) -f /dev/null")

with case("listed while the other client removes and makes entries"):
    # Two numbers that parent and child share: how many changes were made, and whether to end.
    shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            while not shared[1]:
                turn = shared[0]
                open(f"{here(B)}/big/y{turn}", "w").close()
                if turn >= 20:
                    os.unlink(f"{here(B)}/big/y{turn - 20}")
                shared[0] = turn + 1
            status = 0
        finally:
            os._exit(status)
    try:
        list_while_it_changes(A, lambda: shared[0])
    finally:
        shared[1] = 1
        equal(os.waitpid(child, 0)[1], 0, "exit of the one that changes:")

with case("sizes and owners of many entries"):
    sample = sorted(EXPECTED)[::997]
    for name in sample:
        found = os.stat(f"{here(A)}/big/{name}")
        equal((found.st_size, found.st_uid, found.st_nlink), (0, 0, 1), name)

with case("removed by the server while it is open here: ends, or says ESTALE"):
    with os.scandir(f"{here(A)}/big") as entries:
        first = next(entries).name
        host(f"rm -rf {directory}")
        try:
            rest = [entry.name for entry in entries]
            check(first not in rest, "doubled")
        except OSError as trouble:
            equal(trouble.errno, errno.ESTALE)
