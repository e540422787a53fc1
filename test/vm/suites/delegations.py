#!/usr/bin/env python3
# title: delegations: opens without the server, broken by another client and by a process of the server
# kind: scenario
# versions: 4.1 4.2
# seconds: 400
import os
import time

from selkie_vm import A, B, case, check, counters, equal, eventually, here, host, host_here, save

a, b = here(A), here(B)
# Who waits longer was not let go by the client's answer: the server takes a delegation away after 35 s.
RECALL_SECONDS = 30


def delegated(path, flags):
    """Whether opens of the file stay with the client: a second open sends nothing."""
    first = os.open(path, flags)
    before = counters()["OPEN"]
    for _ in range(5):
        os.close(os.open(path, flags))
    sent = counters()["OPEN"] - before
    return first, sent == 0


def fresh(name, content=b"content"):
    path = f"{a}/{name}"
    with open(path, "wb") as file:
        file.write(content)
    return path


def until_delegated(name, flags):
    """A server need not delegate a file that was just made or fought for; it must in the end."""
    deadline = time.monotonic() + 180
    while True:
        descriptor, yes = delegated(f"{a}/{name}", flags)
        if yes:
            return descriptor
        os.close(descriptor)
        check(time.monotonic() < deadline, f"no delegation of {name}")
        time.sleep(1)


host(f"for f in r w l1 l2 both gone; do echo content > {host_here()}/$f; done")

with case("a read delegation: opens again cost nothing"):
    os.close(until_delegated("r", os.O_RDONLY))
    begin = counters()
    for _ in range(20):
        equal(open(f"{a}/r").read(), "content\n")
    equal(counters()["OPEN"] - begin["OPEN"], 0, "OPENs of a delegated file")

with case("a write delegation: opens again cost nothing"):
    descriptor = until_delegated("w", os.O_RDWR)
    os.pwrite(descriptor, b"CONTENT", 0)
    os.close(descriptor)

with case("another client's write takes a read delegation back"):
    descriptor = until_delegated("r", os.O_RDONLY)
    before = counters()["DELEGRETURN"]
    begin = time.monotonic()
    save(f"{b}/r", "written by b\n")
    check(time.monotonic() - begin < RECALL_SECONDS, "the writer waited too long")
    # The writer goes on when the server has it; its client counts it when it has the answer.
    eventually(lambda: counters()["DELEGRETURN"] > before, words="no DELEGRETURN")
    os.close(descriptor)
    equal(open(f"{a}/r").read(), "written by b\n")

with case("another client's read takes a write delegation back and sees what was written"):
    descriptor = until_delegated("w", os.O_RDWR)
    os.pwrite(descriptor, b"written under a delegation", 0)
    # With a delegation the client sends what was written at the close, and does not wait for it: neither the close nor
    # DELEGRETURN does, so an OPEN may come between DELEGRETURN and a WRITE that is under way.
    os.close(descriptor)
    begin = time.monotonic()
    eventually(lambda: open(f"{b}/w").read() == "written under a delegation", words="B does not see it")
    check(time.monotonic() - begin < RECALL_SECONDS, "the reader waited too long")

with case("a stat by another client sees the size under a write delegation"):
    descriptor = until_delegated("both", os.O_RDWR)
    os.pwrite(descriptor, b"x" * 5000, 0)
    equal(os.stat(f"{b}/both").st_size, 5000)
    os.close(descriptor)

with case("a local process's write breaks a read delegation, and the client sees it"):
    descriptor = until_delegated("l1", os.O_RDONLY)
    equal(os.read(descriptor, 100), b"content\n")
    begin = time.monotonic()
    host(f"timeout 60 bash -c 'echo changed locally > {host_here()}/l1'")
    waited = time.monotonic() - begin
    print(f"the local writer waited {waited:.2f} s", flush=True)
    check(waited < RECALL_SECONDS, f"the local writer waited {waited:.1f} s")
    os.close(descriptor)
    equal(open(f"{a}/l1").read(), "changed locally\n")

with case("a local process's read breaks a write delegation, and reads what the client wrote"):
    descriptor = until_delegated("l2", os.O_RDWR)
    os.pwrite(descriptor, b"by the client", 0)
    os.close(descriptor)
    begin = time.monotonic()
    host(f"timeout 60 head -c 0 {host_here()}/l2")
    waited = time.monotonic() - begin
    eventually(lambda: host(f"cat {host_here()}/l2") == "by the client", words="the local process does not see it")
    print(f"the local reader waited {waited:.2f} s", flush=True)
    check(waited < RECALL_SECONDS, f"the local reader waited {waited:.1f} s")

with case("another client removes and replaces a delegated file"):
    descriptor = until_delegated("gone", os.O_RDONLY)
    os.unlink(f"{b}/gone")
    save(f"{b}/gone", "another file")
    equal(os.read(descriptor, 100), b"content\n")
    # The client sends CLOSE after close() has returned, and opens by filehandle what it knows by name: until the
    # server has heard of it, the old file is there for it.
    closed = counters()["CLOSE"]
    os.close(descriptor)
    eventually(lambda: counters()["CLOSE"] > closed)
    equal(open(f"{a}/gone").read(), "another file")
