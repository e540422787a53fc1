#!/usr/bin/env python3
# title: what current clients ask of RFC 9754: OPEN arguments, a delegation instead of an open, times kept by the holder
# kind: scenario
# versions: 4.2
# seconds: 200
import os
import re
import time

from selkie_vm import A, B, Trace, case, check, counters, equal, eventually, here, host, host_here

OPEN_ARGUMENTS, TIME_DELEG_ACCESS, TIME_DELEG_MODIFY = 86, 84, 85
HOUR = 3600


def mount_words(key):
    """Words of the first mount's line of that name in mountstats."""
    mine = False
    for line in open("/proc/self/mountstats"):
        if line.startswith("device "):
            mine = f" mounted on {A} " in line
        elif mine and line.strip().startswith(f"{key}:"):
            return line.strip().partition(":")[2].strip()
    raise AssertionError(f"no {key} of {A}")


def sent(operation, begin):
    return counters()[operation] - begin[operation]


def given_back(handle):
    """
    How often, since it came, the delegation of one file. What the mount counts says nothing of a file: a client gives
    back by itself what it has not used for some seconds.
    """
    return len(trace.lines("nfs4_delegreturn_exit", handle))


def delegated(name, flags):
    """
    Opens a file of the server until a delegation comes with it; the line that told of the open, and what trace points
    call the file.
    """
    inode = os.stat(f"{here()}/{name}").st_ino
    deadline = time.monotonic() + 180
    while True:
        trace.clear()
        descriptor = os.open(f"{here()}/{name}", flags)
        handle = trace.handle("nfs4_set_delegation", inode)
        if handle:
            return descriptor, trace.lines("nfs4_open_file", f":{inode} ")[-1], handle
        os.close(descriptor)
        check(time.monotonic() < deadline, f"no delegation of {name}")
        time.sleep(1)


host(f"cd {host_here()} && for file in r w t u; do echo content > $file; touch -d '2 hours ago' $file; done")

with case("the client learns what OPEN takes, and that the holder of a delegation may keep times"):
    known = int(re.search(r"bm2=0x([0-9a-f]+)", mount_words("nfsv4"))[1], 16)
    for number in (OPEN_ARGUMENTS, TIME_DELEG_ACCESS, TIME_DELEG_MODIFY):
        check(known >> (number - 64) & 1, f"attribute {number} is not in {known:x}")

with Trace("nfs4_set_delegation", "nfs4_open_file", "nfs4_delegreturn_exit") as trace:
    for name, flags in (("r", os.O_RDONLY), ("w", os.O_RDWR)):
        with case(f"a delegation comes instead of an open, so that no CLOSE goes out: {name}"):
            descriptor, line, handle = delegated(name, flags)
            # No open stateid: the special one of zeros. Its sequence number is 0, a real one's never is.
            found = re.search(r" stateid=(\d+):\w+ openstateid=(\d+):", line)
            check(found and int(found[1]) > 0 and int(found[2]) == 0, line)
            begin = counters()
            equal(os.read(descriptor, 100), b"content\n")
            os.close(descriptor)
            # The delegation holds the file: other opens of the same process and their closes stay here, too.
            for _ in range(5):
                os.close(os.open(f"{here()}/{name}", flags))
            equal((sent("OPEN", begin), sent("CLOSE", begin), given_back(handle)), (0, 0, 0), "sent:")

    with case("who holds such a delegation gets an open for it when it is called back"):
        descriptor, _, handle = delegated("u", os.O_RDWR)
        os.pwrite(descriptor, b"CONTENT", 0)
        os.fsync(descriptor)
        begin = counters()
        equal(host(f"timeout 180 cat {host_here()}/u"), "CONTENT")
        # Who waited goes on when the server has it; the client sees it done when it has the answer.
        eventually(lambda: given_back(handle) > 0, words="no DELEGRETURN")
        equal(given_back(handle), 1, "DELEGRETURN")
        os.pwrite(descriptor, b"changed", 0)
        os.fsync(descriptor)
        os.close(descriptor)
        check(sent("CLOSE", begin) > 0, "no CLOSE of the open that came in the delegation's place")
        equal(host(f"cat {host_here()}/u"), "changed")

    with case("times are changed without the server, and told to who asks"):
        descriptor, _, handle = delegated("t", os.O_RDWR)
        begin = counters()
        old = os.fstat(descriptor).st_mtime
        check(time.time() - old > HOUR, "the file is new")
        os.utime(descriptor)
        touched = os.fstat(descriptor).st_mtime
        check(touched - old > HOUR, f"the holder still sees {old}")
        equal((sent("SETATTR", begin), given_back(handle)), (0, 0), "sent:")
        # The server asks the holder by CB_GETATTR, for it has not said what it did.
        check(os.stat(f"{here(B)}/t").st_mtime - old > HOUR, "the other client sees the old time")
        equal(given_back(handle), 0, "given back because somebody asked for attributes:")
        os.close(descriptor)

    with case("times come with the delegation when it is given back"):
        equal(host(f"timeout 180 cat {host_here()}/t"), "content")
        found = float(host(f"stat -c %.9Y {host_here()}/t"))
        check(found - old > HOUR, f"the server's file has {found}, as before")
        # Its holder's clock is not the server's; no time to come counts.
        check(found <= float(host("date +%s.%N")), f"{found} is to come")
        eventually(lambda: given_back(handle) > 0, words="not given back")
