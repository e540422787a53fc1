#!/usr/bin/env python3
# title: the server is restarted by SIGTERM and by SIGKILL under load: opens and locks are reclaimed, nothing durable is lost
# kind: scenario
# versions: 4.1 4.2
# seconds: 500
import errno
import fcntl
import os
import sys
import threading
import time

from selkie_vm import A, B, LIBC, case, check, counters, equal, here, host, host_here, python

# Writes numbered blocks; after each fsync it says up to which block everything must be there.
WRITER = """
import os, sys
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
block, number = 4096, 0
while not os.path.exists(sys.argv[2]):
    for _ in range(16):
        os.pwrite(descriptor, (b"%010d" % number) * 409 + b"......", number * block)
        number += 1
    os.fsync(descriptor)
    print(number, flush=True)
"""
# Names that were acknowledged are durable, whatever happens to the server. One that is killed takes the replies
# it kept along: what it did and could not say is asked again of the next one, which finds it done.
NAMER = """
import os, sys
def change(action, *names):
    try:
        action(*names)
    except OSError:
        if not os.path.exists(names[-1]):
            raise
number = 0
while not os.path.exists(sys.argv[2]):
    change(os.mkdir, f"{sys.argv[1]}/d{number}")
    os.close(os.open(f"{sys.argv[1]}/f{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    change(os.rename, f"{sys.argv[1]}/f{number}", f"{sys.argv[1]}/d{number}/f")
    number += 1
    print(number, flush=True)
"""
TRY_LOCK = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[3]), int(sys.argv[2]))
    print("got")
except OSError as trouble:
    print("denied")
"""


class Followed:
    """A process whose lines are read as they come; the last one is what it promised."""

    def __init__(self, code, *arguments):
        self.child = python(code, *arguments)
        self.last = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        for line in self.child.stdout:
            with self.changed:
                self.last = int(line)
                self.changed.notify_all()

    def promised(self):
        with self.changed:
            return self.last

    def await_progress(self, seconds):
        with self.changed:
            before = self.last
            check(self.changed.wait_for(lambda: self.last != before, seconds), f"no progress in {seconds} s")

    def end(self, seconds):
        equal(self.child.wait(seconds), 0, "exit of the load:")
        self.thread.join()


def try_lock(mount, start, length):
    # A process of its own: a close of any descriptor would drop the locks of this one.
    return python(TRY_LOCK, f"{here(mount)}/locked", start, length).communicate()[0].strip()


def restart(how):
    base = here(A)
    stop = f"/tmp/stop.{os.path.basename(base)}.{how}"
    os.mkdir(f"{base}/{how}")
    open(f"{base}/locked", "wb").write(b"l" * 1000)
    held = os.open(f"{base}/locked", os.O_RDWR)
    fcntl.lockf(held, fcntl.LOCK_EX, 100, 0)
    fcntl.lockf(held, fcntl.LOCK_SH, 100, 500)
    unlinked = os.open(f"{base}/unlinked.{how}", os.O_CREAT | os.O_RDWR)
    os.write(unlinked, b"open and removed")
    os.unlink(f"{base}/unlinked.{how}")
    dirty = os.open(f"{base}/dirty.{how}", os.O_CREAT | os.O_RDWR)
    writer = Followed(WRITER, f"{base}/blocks.{how}", stop)
    namer = Followed(NAMER, f"{base}/{how}", stop)
    writer.await_progress(30)
    namer.await_progress(30)
    os.pwrite(dirty, b"not yet flushed" * 1000, 0)

    host(f"server_end {how}")
    blocks, names = writer.promised(), namer.promised()
    with case(f"{how}: what was acknowledged as durable is on the server's disk while it is down"):
        on_host = f"{host_here()}/blocks.{how}"
        check(int(host(f"stat -c %s {on_host}")) >= blocks * 4096, "the file is too short")
        last = host(f"dd if={on_host} bs=4096 skip={blocks - 1} count=1 status=none | head -c 10")
        equal(last, f"{blocks - 1:010d}", "last durable block")
        equal(host(f"ls {host_here()}/{how}/d{names - 1}"), "f", "last name")
    begin = time.monotonic()
    host("server_start")
    with case(f"{how}: the load goes on after grace"):
        writer.await_progress(120)
        namer.await_progress(120)
        print(f"went on {time.monotonic() - begin:.1f} s after the start", flush=True)
    with case(f"{how}: locks are held again"):
        equal(try_lock(B, 50, 100), "denied", "over the exclusive lock")
        equal(try_lock(B, 550, 10), "denied", "over the shared lock")
        equal(try_lock(B, 200, 100), "got", "beside them")
        os.pwrite(held, b"with lock", 0)
        os.fsync(held)
        fcntl.lockf(held, fcntl.LOCK_UN, 100, 0)
        equal(try_lock(B, 50, 10), "got", "after it was let go")
    with case(f"{how}: opens go on, of removed files too"):
        equal(os.pread(unlinked, 100, 0), b"open and removed")
        os.write(unlinked, b", written again")
        os.fsync(unlinked)
        equal(os.pread(unlinked, 100, 0), b"open and removed, written again")
        os.fsync(dirty)
        equal(os.pread(dirty, 15, 15 * 999), b"not yet flushed")
        equal(host(f"stat -c %s {host_here()}/dirty.{how}"), "15000")
    open(stop, "w").close()
    with case(f"{how}: every block and every name is there"):
        writer.end(60)
        namer.end(60)
        with open(f"{here(B)}/blocks.{how}", "rb") as file:
            for number in range(writer.promised()):
                block = file.read(4096)
                check(block == (b"%010d" % number) * 409 + b"......", f"block {number} is {block[:10]}")
        made = set(os.listdir(f"{here(B)}/{how}"))
        equal(made, {f"d{number}" for number in range(namer.promised())}, "names")
        check(all(os.listdir(f"{here(B)}/{how}/{name}") == ["f"] for name in sorted(made)[:50]), "a rename is lost")
    for descriptor in (held, unlinked, dirty):
        os.close(descriptor)


restart("TERM")
restart("KILL")

with case("a client that was away over a restart comes back"):
    file = os.open(f"{here(B)}/away", os.O_CREAT | os.O_RDWR)
    os.write(file, b"before")
    os.fsync(file)
    host("server_restart KILL")
    os.pwrite(file, b" after", 6)
    os.fsync(file)
    os.close(file)
    equal(open(f"{here(A)}/away").read(), "before after")
