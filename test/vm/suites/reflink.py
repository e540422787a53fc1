#!/usr/bin/env python3
# title: clones and copies on XFS, which shares blocks; the server runs in the guest
# kind: scenario
# server: guest
# versions: local 4.2
# seconds: 400
# sends: COPY CLONE SEEK DEALLOCATE
import fcntl
import os
import random
import struct

from selkie_vm import A, B, attempt, case, check, equal, here, host, host_here, shell

FICLONE, FICLONERANGE = 0x40049409, 0x4020940D
MIB = 1 << 20
a, b = here(A), here(B)
data = random.Random(3).randbytes(4 * MIB)
open(f"{a}/source", "wb").write(data)
os.system("sync")


def shared_extents(name):
    return int(host(f"filefrag -v {host_here()}/{name} | grep -c shared || true"))


def clone(source, target):
    with open(source, "rb") as left, open(target, "wb") as right:
        fcntl.ioctl(right, FICLONE, left.fileno())


with case("a clone shares every block and holds the same bytes"):
    clone(f"{a}/source", f"{a}/clone")
    check(shared_extents("clone") > 0, host(f"filefrag -v {host_here()}/clone"))
    check(open(f"{a}/clone", "rb").read() == data)
    check(open(f"{b}/clone", "rb").read() == data)

with case("a write to the clone leaves the source alone, and the other way round"):
    with open(f"{a}/clone", "r+b") as file:
        file.seek(MIB)
        file.write(b"clone")
        file.flush()
        os.fsync(file.fileno())
    with open(f"{a}/source", "r+b") as file:
        file.seek(2 * MIB)
        file.write(b"source")
        file.flush()
        os.fsync(file.fileno())
    got = open(f"{b}/source", "rb").read()
    check(got == data[: 2 * MIB] + b"source" + data[2 * MIB + 6 :], "the source")
    got = open(f"{b}/clone", "rb").read()
    check(got == data[:MIB] + b"clone" + data[MIB + 5 :], "the clone")

with case("what is not flushed yet is cloned too"):
    with open(f"{a}/dirty", "w+b") as file:
        file.write(b"dirty" * 100_000)
        file.flush()
        with open(f"{a}/dirty.clone", "wb") as target:
            fcntl.ioctl(target, FICLONE, file.fileno())
    equal(open(f"{a}/dirty.clone", "rb").read(), b"dirty" * 100_000)

with case("a clone of a range"):
    with open(f"{a}/clone", "rb") as source, open(f"{a}/range", "w+b") as target:
        target.truncate(2 * MIB)
        fcntl.ioctl(target, FICLONERANGE, struct.pack("qQQQ", source.fileno(), MIB, 65536, MIB))
    got = open(f"{b}/range", "rb").read()
    expected = bytearray(2 * MIB)
    expected[MIB : MIB + 65536] = (data[:MIB] + b"clone" + data[MIB + 5 :])[MIB : MIB + 65536]
    check(got == bytes(expected))

with case("a range that is not whole blocks is refused"):
    with open(f"{a}/clone", "rb") as source, open(f"{a}/range", "r+b") as target:
        wanted = struct.pack("qQQQ", source.fileno(), 100, 4096, 0)
        equal(attempt(fcntl.ioctl, target, FICLONERANGE, wanted), "EINVAL")

with case("cp makes a clone by itself"):
    shell(f"cp --reflink=always {a}/source {a}/cp")
    check(shared_extents("cp") > 0)
    check(shell(f"cmp {a}/source {a}/cp && echo same") == "same")

with case("copy_file_range copies on the server"):
    with open(f"{a}/source", "rb") as source, open(f"{a}/copied", "wb") as target:
        done = 0
        while done < 4 * MIB:
            part = os.copy_file_range(source.fileno(), target.fileno(), 4 * MIB - done)
            check(part > 0, "it copies nothing")
            done += part
    check(shell(f"cmp {a}/source {a}/copied && echo same") == "same")

with case("both clients clone one file at once"):
    children = []
    for client, mount in (("a", a), ("b", b)):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for number in range(10):
                    clone(f"{mount}/source", f"{mount}/both.{client}.{number}")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    equal([os.waitpid(child, 0)[1] for child in children], [0, 0], "exits:")
    digests = {host(f"sha256sum < {host_here()}/both.{m}.{n}") for m in "ab" for n in range(10)}
    equal(len(digests), 1, "different clones:")

with case("a local process clones and changes what a client has open"):
    with open(f"{a}/source", "r+b") as file:
        file.write(b"by the client")
        file.flush()
        os.fsync(file.fileno())
        host(f"cp --reflink=always {host_here()}/source {host_here()}/local")
        host(f"printf 'by the server' | dd of={host_here()}/source bs=1 conv=notrunc status=none")
    equal(open(f"{b}/local", "rb").read(13), b"by the client")
    equal(open(f"{b}/source", "rb").read(13), b"by the server")

with case("holes, punched and allocated, are the server's"):
    with open(f"{a}/sparse", "w+b") as file:
        file.truncate(8 * MIB)
        os.pwrite(file.fileno(), b"x" * MIB, 4 * MIB)
        os.fsync(file.fileno())
        equal(os.lseek(file.fileno(), 0, os.SEEK_DATA), 4 * MIB)
        equal(os.lseek(file.fileno(), 4 * MIB, os.SEEK_HOLE), 5 * MIB)
    shell(f"fallocate --punch-hole --offset {4 * MIB} --length {MIB} {a}/sparse")
    equal(host(f"stat -c %s {host_here()}/sparse"), str(8 * MIB))
    check(int(host(f"stat -c %b {host_here()}/sparse")) < 64, "blocks are left")
