#!/usr/bin/env python3
# title: a directory of 100,000 entries, listed by two clients while it changes
# kind: scenario
# versions: 4.1 4.2
# seconds: 400
import errno
import os
import time

from selkie_vm import A, B, case, check, equal, here, host, host_here

COUNT = 100_000
directory = f"{host_here()}/big"
host(f"mkdir {directory} && cd {directory} && seq -f n%06.0f {COUNT} | xargs touch")
EXPECTED = {f"n{number:06d}" for number in range(1, COUNT + 1)}


def list_names(mount, changes):
    """Every entry that was there all the time comes exactly once; nothing else but what is made meanwhile."""
    begin = time.monotonic()
    names = os.listdir(f"{here(mount)}/big")
    print(f"{mount}: {len(names)} names in {time.monotonic() - begin:.1f} s", flush=True)
    stable = [name for name in names if name[0] == "n"]
    equal(len(stable), len(set(stable)), "doubled names:")
    missing, strange = EXPECTED - set(stable), set(stable) - EXPECTED
    check(not missing, f"{len(missing)} missing: {sorted(missing)[:5]}")
    check(not strange, f"{len(strange)} strange: {sorted(strange)[:5]}")
    others = [name for name in names if name[0] != "n"]
    equal(len(others), len(set(others)), "doubled new names:")
    check(changes or not others, f"names that were never there: {others[:5]}")


with case("listed as it is"):
    list_names(A, False)

with case("listed while a process of the server makes and removes other entries"):
    host(
        f"cd {directory}; (for round in {{1..2000}}; do [ ! -e ../stop ] || break; sleep 0.02;"
        " for i in 1 2 3 4 5 6 7 8 9; do : > x$i$RANDOM; done; rm -f x*; done) > /dev/null 2>&1 &"
        f" echo $! > ../changer"
    )
    try:
        list_names(B, True)
        os.utime(f"{here(A)}/big")
        list_names(A, True)
    finally:
        host(f": > {host_here()}/stop; timeout 20 tail --pid=$(cat {host_here()}/changer) -f /dev/null")

with case("listed while the other client removes and makes entries"):
    child = os.fork()
    if child == 0:
        try:
            for turn in range(150):
                open(f"{here(B)}/big/y{turn}", "w").close()
                if turn >= 20:
                    os.unlink(f"{here(B)}/big/y{turn - 20}")
            os._exit(0)
        finally:
            os._exit(1)
    os.utime(f"{here(A)}/big")
    list_names(A, True)
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
