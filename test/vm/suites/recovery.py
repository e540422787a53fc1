#!/usr/bin/env python3
# title: restarts by SIGTERM and SIGKILL under load from two mounts: all goes on, reclaimed, nothing durable is lost
# kind: scenario
# versions: 4.1 4.2
# seconds: 1800
# kernel may say: NFS: .*: lost \d+ locks
# Who waits for a lock when the server goes, or whose request is under way, counts to the client's kernel as one
# that lost a lock; it then asks anew. That none is lost in truth is what the cases here look at.
import os
import threading
import time

from selkie_vm import A, ALICE, Agent, B, BOB, TEAM, Trace, case, check, equal, eventually, here, host, host_here, program, python
from selkie_vm import shell

QUICK = ("fsync", "synchronous writes of alice", "names", "counter of alice", "counter of bob", "sparse files and copies")
ENTRIES = 10_000
VERSION = os.environ["VERSION"]
STOP = f"/tmp/stop.{os.environ['WORK']}"
REFERENCE = "/local/recovery"

# Each load says after every step how many it has done, and ends when it finds the file STOP. Between steps they
# rest, so that a processor which is emulated does them all.

# Writes numbered blocks; what it says is on disk: after an fsync, or because every write is synchronous.
WRITER = """
import os, sys, time
path, stop, how = sys.argv[1:]
descriptor = os.open(path, os.O_CREAT | os.O_RDWR | (os.O_DSYNC if how == "synchronous" else 0), 0o644)
number = 0
while not os.path.exists(stop):
    for _ in range(1 if how == "synchronous" else 16):
        os.pwrite(descriptor, (b"%010d" % number) * 409 + b"......", number * 4096)
        number += 1
    if how != "synchronous":
        os.fsync(descriptor)
    print(number, flush=True)
    time.sleep(0.05)
"""
# Names that were acknowledged are durable, whatever happens to the server. One that is killed takes the replies
# it kept along: what it did and could not say is asked again of the next one, which finds it done.
NAMER = """
import os, sys, time
directory, stop = sys.argv[1:]
def change(action, *names):
    try:
        action(*names)
    except OSError:
        if not os.path.exists(names[-1]):
            raise
number = 0
while not os.path.exists(stop):
    change(os.mkdir, f"{directory}/d{number}")
    os.close(os.open(f"{directory}/f{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    change(os.rename, f"{directory}/f{number}", f"{directory}/d{number}/f")
    number += 1
    print(number, flush=True)
    time.sleep(0.05)
"""
# Counts in a file under a lock for which two clients compete: a lock that was given twice loses a count.
COUNTER = """
import fcntl, os, sys, time
path, stop = sys.argv[1:]
descriptor = os.open(path, os.O_RDWR)
mine = 0
while not os.path.exists(stop):
    fcntl.lockf(descriptor, fcntl.LOCK_EX, 16, 0)
    value = int(os.pread(descriptor, 16, 0))
    os.pwrite(descriptor, b"%016d" % (value + 1), 0)
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 16, 0)
    mine += 1
    print(mine, flush=True)
    # Lets the other one have its turn.
    time.sleep(0.05)
"""
# Random writes from the first mount, read back and verified there, then verified from the second one.
FIO = """
round=0
options="--rw=randwrite --bs=8k --size=1m --verify=crc32c --verify_fatal=1 --thread --fallocate=none --output-format=terse"
while [ ! -e "$3" ]; do
  round=$((round + 1))
  fio --name=r$round --directory="$1" --randseed=$round --fsync=8 $options > /tmp/fio.$$ 2>&1 &&
    fio --name=r$round --directory="$2" --randseed=$round --verify_only $options >> /tmp/fio.$$ 2>&1 ||
    { cat /tmp/fio.$$ >&2; exit 1; }
  rm "$1"/r$round*
  echo $round
  sleep 1
done
"""
# Builds the project again and again; what comes out is compared with what the local file system gave.
BUILD = """
cd "$1" || exit 1
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000
round=0
while [ ! -e "$2" ]; do
  make clean > /tmp/make.$$ 2>&1 && make -j 2 libz.a example >> /tmp/make.$$ 2>&1 &&
    sha256sum --quiet -c "$3" >> /tmp/make.$$ 2>&1 || { tail -n 40 /tmp/make.$$ >&2; exit 1; }
  round=$((round + 1))
  echo $round
done
"""
# Holes, copies by the server and, where the protocol has them, punched holes and attributes; each round in files
# of its own, and looked at before the next one.
FEATURES = """
import os, sys, time
from selkie_vm import fallocate
directory, version, stop = sys.argv[1:]
K = 1024
DATA, PUNCHED, SIZE = (32 * K, 48 * K), (128 * K, 144 * K), 256 * K
def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"round {number}: {what}: {got!r:.200} is not {wanted!r:.200}")
def content(*parts):
    whole = bytearray(SIZE)
    for begin, end in parts:
        whole[begin:end] = (b"%08d" % number) * ((end - begin) // 8)
    return bytes(whole)
number = 0
while not os.path.exists(stop):
    path = f"{directory}/{number}"
    file, copy = (os.open(name, os.O_CREAT | os.O_RDWR, 0o644) for name in (path, path + ".copy"))
    for begin, end in (DATA, PUNCHED):
        os.pwrite(file, content((begin, end))[begin:end], begin)
    os.ftruncate(file, SIZE)
    os.fsync(file)
    done = 0
    while done < SIZE:
        part = os.copy_file_range(file, copy, SIZE - done, done, done)
        expect(part > 0, True, "a copy that goes on")
        done += part
    os.fsync(copy)
    expect(os.pread(copy, SIZE + 1, 0), content(DATA, PUNCHED), "the copy")
    if version == "4.2":
        fallocate(file, 3, PUNCHED[0], PUNCHED[1] - PUNCHED[0])
        expect(os.lseek(file, 0, os.SEEK_DATA), DATA[0], "data")
        expect(os.lseek(file, DATA[0], os.SEEK_HOLE), DATA[1], "hole")
        try:
            expect(os.lseek(file, DATA[1], os.SEEK_DATA), None, "no more data")
        except OSError as trouble:
            expect(trouble.errno, 6, "ENXIO")
        expect(os.pread(file, SIZE + 1, 0), content(DATA), "what is punched")
        os.setxattr(path, "user.round", b"%d" % number)
        os.setxattr(path, "user.gone", b"soon")
        try:
            os.removexattr(path, "user.gone")
        except OSError:
            pass  # A server that was killed took its reply along; whether it is gone is asked next.
        expect([name for name in os.listxattr(path) if name.startswith("user.")], ["user.round"], "attributes")
    for descriptor in (file, copy):
        os.close(descriptor)
    number += 1
    print(number, flush=True)
    time.sleep(0.1)
"""
# Lists a big directory that it changes: what stays in it comes exactly once, whatever happens to the server.
LISTER = """
import os, sys, time
directory, count, stop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
expected = {f"n{number:06d}" for number in range(1, count + 1)}
number = 0
while not os.path.exists(stop):
    # A new change makes the client ask for the listing anew.
    os.close(os.open(f"{directory}/x{number}", os.O_CREAT | os.O_WRONLY))
    names = [name for name in os.listdir(directory) if name[0] == "n"]
    if len(names) != count or set(names) != expected:
        raise AssertionError(f"listing {number}: {len(names)} names, {len(set(names))} different ones")
    number += 1
    print(number, flush=True)
    time.sleep(1)
"""
TRY_LOCK = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[3]), int(sys.argv[2]))
    print("got")
except OSError as trouble:
    print("denied")
"""


class Load:
    """A process whose lines are read as they come; the last one is what it promised."""

    def __init__(self, child):
        self.child = child
        self.last = 0
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        for line in self.child.stdout:
            with self.changed:
                self.last = int(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def promised(self):
        with self.changed:
            return self.last

    def await_step(self, number, seconds):
        with self.changed:
            self.changed.wait_for(lambda: self.last >= number or self.ended, seconds)
            check(self.last >= number, f"at {self.last} of {number}" + (", and ended" if self.ended else ""))

    def end(self, seconds):
        equal(self.child.wait(seconds), 0, "exit of the load:")
        self.thread.join()


def reference():
    """The project, built once on the local file system; the sums of what came out."""
    if not os.path.exists(f"{REFERENCE}/sums"):
        os.makedirs(REFERENCE)
        shell(
            f"cd {REFERENCE} && export LC_ALL=C SOURCE_DATE_EPOCH=1700000000 &&"
            " dpkg-source --no-check -q -x /source/*.dsc project && cd project &&"
            " CFLAGS=-O0 ./configure --static > ../configure.log && make -j 2 libz.a example > ../make.log 2>&1 &&"
            " sha256sum libz.a example > ../sums && make clean > ../clean.log 2>&1"
        )
    return f"{REFERENCE}/sums"


def directory(name, user):
    os.mkdir(f"{here()}/{name}")
    os.chown(f"{here()}/{name}", user, TEAM)
    return f"{here()}/{name}"


def try_lock(mount, start, length):
    # A process of its own: a close of any descriptor would drop the locks of this one.
    return python(TRY_LOCK, f"{here(mount)}/alice/locked", start, length, user=ALICE).communicate()[0].strip()


def start_loads():
    with open(f"{here()}/count", "w") as file:
        file.write("0" * 16)
    os.chmod(f"{here()}/count", 0o666)
    directory("fio", ALICE)
    host(f"mkdir {host_here()}/big && cd {host_here()}/big && seq -f n%06.0f {ENTRIES} | xargs touch")
    shell(f"cp -r {REFERENCE}/project {here(B)}/build && chown -R {BOB}:{BOB} {here(B)}/build")
    started = {
        "fsync": python(WRITER, f"{here(A)}/blocks", STOP, "fsync"),
        "synchronous writes of alice": python(WRITER, f"{here(B)}/alice/blocks", STOP, "synchronous", user=ALICE),
        "names": python(NAMER, directory("names", 0), STOP),
        "counter of alice": python(COUNTER, f"{here(A)}/count", STOP, user=ALICE),
        "counter of bob": python(COUNTER, f"{here(B)}/count", STOP, user=BOB),
        "fio of alice": program(["bash", "-c", FIO, "fio", f"{here(A)}/fio", f"{here(B)}/fio", STOP], ALICE),
        "sparse files and copies": python(FEATURES, directory("features", 0), VERSION, STOP),
        "listing of a big directory": python(LISTER, f"{here(B)}/big", ENTRIES, STOP),
        "build of bob": program(["bash", "-c", BUILD, "build", f"{here(B)}/build", STOP, sums], BOB),
    }
    return {name: Load(child) for name, child in started.items()}


def open_delegated(name, flags):
    """Opens a file as alice, until a delegation comes with it; what trace points call that file."""
    path = f"{here()}/alice/{name}"
    inode = os.stat(path).st_ino
    deadline = time.monotonic() + 180
    while True:
        alice.do(f"held.update({{'{name}': os.open('{path}', os.{flags})}})")
        handle = trace.handle("nfs4_set_delegation", inode)
        if handle:
            return handle
        alice.do(f"os.close(held.pop('{name}'))")
        check(time.monotonic() < deadline, f"no delegation of {name}")
        time.sleep(1)


def restart(how):
    base = here(A)
    trace.clear()
    host(f"cd {host_here()}/alice && for file in r w; do echo content > $file.{how}; chown {ALICE} $file.{how}; done")
    read, written = open_delegated(f"r.{how}", "O_RDONLY"), open_delegated(f"w.{how}", "O_RDWR")
    alice.do(f"os.pwrite(held['w.{how}'], b'by alice, before', 0)")
    alice.do("fcntl.lockf(held['locked'], fcntl.LOCK_EX, 100, 0)")
    alice.do("fcntl.lockf(held['locked'], fcntl.LOCK_SH, 100, 500)")
    unlinked = os.open(f"{base}/unlinked.{how}", os.O_CREAT | os.O_RDWR)
    os.write(unlinked, b"open and removed")
    os.unlink(f"{base}/unlinked.{how}")
    dirty = os.open(f"{base}/dirty.{how}", os.O_CREAT | os.O_RDWR)
    for name in QUICK:
        try:
            loads[name].await_step(loads[name].promised() + 2, 300)
        except AssertionError as trouble:
            raise AssertionError(f"{name}: {trouble}; of all: { {each: load.promised() for each, load in loads.items()} }")
    check(not any(load.ended for load in loads.values()), "a load has ended")
    os.pwrite(dirty, b"not yet flushed" * 1000, 0)

    promised = {name: load.promised() for name, load in loads.items()}
    host(f"server_end {how}")
    with case(f"{how}: what was acknowledged as durable is on the server's disk while it is down"):
        for name, path in (("fsync", "blocks"), ("synchronous writes of alice", "alice/blocks")):
            blocks, on_host = promised[name], f"{host_here()}/{path}"
            check(int(host(f"stat -c %s {on_host}")) >= blocks * 4096, f"{path} is too short")
            last = host(f"dd if={on_host} bs=4096 skip={blocks - 1} count=1 status=none | head -c 10")
            equal(last, f"{blocks - 1:010d}", f"last durable block of {path}")
        equal(host(f"ls {host_here()}/names/d{promised['names'] - 1}"), "f", "last name")
        count = int(host(f"cat {host_here()}/count"))
        least = promised["counter of alice"] + promised["counter of bob"]
        check(count >= least, f"{count} counted, of {least}")
    begin = time.monotonic()
    host("server_start")
    for name, load in loads.items():
        with case(f"{how}: goes on after grace: {name}"):
            # The step that was under way, and of those that are quick one that the new server saw from its begin.
            load.await_step(promised[name] + (2 if name in QUICK else 1), max(60, begin + 400 - time.monotonic()))
            print(f"{name} went on {time.monotonic() - begin:.1f} s after the start", flush=True)
    with case(f"{how}: locks are held again"):
        equal(try_lock(B, 50, 100), "denied", "over the exclusive lock")
        equal(try_lock(B, 550, 10), "denied", "over the shared lock")
        equal(try_lock(B, 200, 100), "got", "beside them")
        # The kernel lets nobody write who lost a lock.
        alice.do("os.pwrite(held['locked'], b'with lock', 0)")
        alice.do("os.fsync(held['locked'])")
        alice.do("fcntl.lockf(held['locked'], fcntl.LOCK_UN, 100, 0)")
        equal(try_lock(B, 50, 10), "got", "after it was let go")
    # A server that ends in an orderly way asks for delegations before it goes.
    with case(f"{how}: delegations " + ("were given back" if how == "TERM" else "are held again, until they are asked for")):
        for file in (read, written):
            equal(bool(trace.lines("nfs4_delegreturn_exit", file)), how == "TERM", "given back:")
            equal(bool(trace.lines("nfs4_reclaim_delegation", file)), how == "KILL", "reclaimed:")
        alice.do(f"os.pwrite(held['w.{how}'], b'and after', 10)")
        alice.do(f"os.fsync(held['w.{how}'])")
        equal(open(f"{here(B)}/alice/w.{how}").read(), "by alice, and after", "read by the other client")
        equal(host(f"echo changed > {host_here()}/alice/r.{how} && cat {host_here()}/alice/w.{how}"), "by alice, and after")
        for file in (read, written):
            eventually(lambda: trace.lines("nfs4_delegreturn_exit", file), words="never given back")
        equal(alice.do(f"os.pread(held['r.{how}'], 100, 0)"), b"changed\n")
    with case(f"{how}: opens go on, of removed files too"):
        equal(os.pread(unlinked, 100, 0), b"open and removed")
        os.write(unlinked, b", written again")
        os.fsync(unlinked)
        equal(os.pread(unlinked, 100, 0), b"open and removed, written again")
        os.fsync(dirty)
        equal(os.pread(dirty, 15, 15 * 999), b"not yet flushed")
        equal(host(f"stat -c %s {host_here()}/dirty.{how}"), "15000")
    for descriptor in (unlinked, dirty):
        os.close(descriptor)
    for name in ("r", "w"):
        alice.do(f"os.close(held.pop('{name}.{how}'))")
    alice.do("fcntl.lockf(held['locked'], fcntl.LOCK_UN, 0, 0)")


def verify(path, blocks):
    with open(f"{here(B)}/{path}", "rb") as file:
        for number in range(blocks):
            block = file.read(4096)
            check(block == (b"%010d" % number) * 409 + b"......", f"block {number} of {path} is {block[:10]}")


os.chmod(here(), 0o755)
sums = reference()
directory("alice", ALICE)
alice = Agent(user=ALICE)
with Trace("nfs4_set_delegation", "nfs4_reclaim_delegation", "nfs4_delegreturn_exit") as trace:
    alice.do(f"held.update(locked=os.open('{here()}/alice/locked', os.O_CREAT | os.O_RDWR))")
    alice.do("os.write(held['locked'], b'l' * 1000)")
    loads = start_loads()
    restart("TERM")
    restart("KILL")
alice.end()
open(STOP, "w").close()
for name, load in loads.items():
    with case(f"ends as it should after both restarts: {name}"):
        load.end(300)
with case("every block, every name and every count is there"):
    shell("echo 3 > /proc/sys/vm/drop_caches")
    verify("blocks", loads["fsync"].promised())
    verify("alice/blocks", loads["synchronous writes of alice"].promised())
    made = set(os.listdir(f"{here(B)}/names"))
    equal(made, {f"d{number}" for number in range(loads["names"].promised())}, "names")
    check(all(os.listdir(f"{here(B)}/names/{name}") == ["f"] for name in sorted(made)[:50]), "a rename is lost")
    for number in range(loads["sparse files and copies"].promised()):
        path = f"{here(B)}/features/{number}"
        with open(path + ".copy", "rb") as file:
            got = file.read()
        equal((len(got), got.count(b"%08d" % number)), (256 * 1024, 4096), f"copy {number}: size, and words")
        if VERSION == "4.2":
            equal(os.getxattr(path, "user.round"), b"%d" % number, f"attribute of {number}")
    counted = loads["counter of alice"].promised() + loads["counter of bob"].promised()
    equal(int(open(f"{here(B)}/count").read()), counted, "counts")
    print(f"{counted} counts, {len(made)} names, " + str({name: load.promised() for name, load in loads.items()}), flush=True)

with case("a client that was away over a restart comes back"):
    file = os.open(f"{here(B)}/away", os.O_CREAT | os.O_RDWR)
    os.write(file, b"before")
    os.fsync(file)
    host("server_restart KILL")
    os.pwrite(file, b" after", 6)
    os.fsync(file)
    os.close(file)
    equal(open(f"{here(A)}/away").read(), "before after")
