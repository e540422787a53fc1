#!/usr/bin/env python3
# title: long copies go on without their request, are told by CB_OFFLOAD and cancelled; the server runs in the guest
# kind: scenario
# server: guest
# versions: 4.2
# seconds: 300
# sends: COPY OFFLOAD_CANCEL
import os
import re
import time

from selkie_vm import A, B, Trace, case, check, counters, equal, eventually, here, host, host_here, python

MIB = 1 << 20
# The client asks for a copy in the background when it is longer than 14 times what it reads at once (1 MiB).
LONG_MIB, SHORT_MIB = 128, 4
# XFS shares whole blocks in no time. What does not begin on one is copied byte by byte.
ODD = 1
CANCELS_MAX = 10
COPIER = """
import os, sys
source, target, count, odd = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
left, right = os.open(source, os.O_RDONLY), os.open(target, os.O_CREAT | os.O_RDWR)
print(os.copy_file_range(left, right, count, odd, odd), flush=True)
"""
MAKER = """
import os, random
block = random.Random(5).randbytes(1 << 20)
with open("long", "wb") as file:
    for number in range({count}):
        file.write(number.to_bytes(8) + block[8:])
"""
host(f"cd {host_here()} && python3 -c '{MAKER.format(count=LONG_MIB)}'")


def copier(mount, target, count):
    return python(COPIER, f"{here(mount)}/long", f"{here(mount)}/{target}", count, ODD)


def copied(child):
    said, _ = child.communicate()
    equal(child.returncode, 0, "exit of who copies:")
    return int(said)


def words(line):
    """What a trace point says, by name."""
    return dict(re.findall(r"(\w+)=(\S+)", line))


def same(target, count):
    """Compared where the server is, so that no client's cache has a say."""
    host(f"cd {host_here()} && cmp -i {ODD} -n {count} long {target}")


def size_of(name):
    return int(host(f"stat -c %s {host_here()}/{name}"))


def copies_to(name):
    """What was told of COPYs into a file, but for those that were put off (NFS4ERR_DELAY)."""
    number = host(f"stat -c %i {host_here()}/{name}")
    found = [words(line) for line in trace.lines("nfs4_copy")]
    return [one for one in found if one["dst_fileid"].endswith(f":{number}") and one["error"] != "10008"]


def offloads(copy):
    """The CB_OFFLOADs of the file that a COPY writes."""
    found = [words(line) for line in trace.lines("nfs4_cb_offload")]
    return [one for one in found if one["fhandle"] == copy["dst_fhandle"]]


with Trace("nfs4_copy", "nfs4_cb_offload") as trace:
    with case("a short copy is done when its reply comes"):
        equal(copied(copier(A, "short", SHORT_MIB * MIB)), SHORT_MIB * MIB, "copied:")
        same("short", SHORT_MIB * MIB)
        copies = copies_to("short")
        check(copies and all(one["res_sync"] == "1" for one in copies), str(trace.lines("nfs4_copy")))

    with case("a long copy goes on without its request, and CB_OFFLOAD tells of its end"):
        count = LONG_MIB * MIB - ODD
        begin = time.monotonic()
        equal(copied(copier(A, "copy", count)), count, "copied:")
        print(f"{LONG_MIB} MiB in {time.monotonic() - begin:.2f} s", flush=True)
        same("copy", count)
        (copy,) = copies_to("copy")
        equal((copy["sync"], copy["res_sync"], copy["error"]), ("0", "0", "0"), str(copy))
        (told,) = offloads(copy)
        print(f"{copy} {told}", flush=True)
        equal(told["cb_stateid"], copy["cb_stateid"], "stateid told, and given:")
        equal((told["error"], told["cb_count"]), ("0", str(count)), str(told))

    with case("both clients copy at once, and each is told of its own"):
        count = LONG_MIB * MIB // 2
        trace.clear()
        children = {f"both.{mount[-1]}": copier(mount, f"both.{mount[-1]}", count) for mount in (A, B)}
        equal([copied(child) for child in children.values()], [count, count], "copied:")
        for name in children:
            same(name, count)
            (copy,) = copies_to(name)
            (told,) = offloads(copy)
            equal((copy["res_sync"], told["cb_stateid"]), ("0", copy["cb_stateid"]), name)

    with case("who is killed while it waits has its copy cancelled"):
        count = LONG_MIB * MIB - ODD
        for number in range(CANCELS_MAX):
            name, before = f"killed.{number}", counters()
            child = copier(A, name, count)
            # From the reply on, it waits for CB_OFFLOAD.
            while counters()["COPY"] == before["COPY"] and child.poll() is None:
                time.sleep(0.005)
            child.kill()
            killed = child.wait() != 0
            if killed:
                eventually(lambda: counters()["OFFLOAD_CANCEL"] > before["OFFLOAD_CANCEL"], words="no OFFLOAD_CANCEL")
            if killed and size_of(name) < count:
                break
            print(f"{name} was done before it could be cancelled", flush=True)
        else:
            check(False, f"{CANCELS_MAX} copies were done before they could be cancelled")
        # One that begins after the other was cancelled is done; the other has not gone on meanwhile.
        equal(copied(copier(A, "after", count)), count, "copied:")
        same("after", count)
        size = size_of(name)
        check(size < count, f"{size} bytes of a copy that was cancelled")
        (copy,) = copies_to(name)
        equal((copy["res_sync"], offloads(copy)), ("0", []), "CB_OFFLOAD of a copy that was cancelled:")
        print(f"{size} bytes were copied when it was cancelled", flush=True)
