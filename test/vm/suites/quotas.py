#!/usr/bin/env python3
# title: quotas of users, on XFS; the server runs in the guest
# kind: scenario
# server: guest
# versions: 4.1 4.2
# seconds: 300
import ctypes
import errno
import os
import socket
import struct

from selkie_vm import A, B, LIBC, case, check, equal, here, host, host_here, settings

DEVICE = b"/dev/vdc"
MIB = 1 << 20
# Of each version its own, since the files of the other one stay, and count.
LIMITED, OTHER = {"4.1": (4001, 4002), "4.2": (4003, 4004)}[os.environ["VERSION"]]
a, b = here(A), here(B)
os.chmod(a, 0o777)


def quotactl(command, user, buffer):
    if LIBC.quotactl(command << 8, DEVICE, user, ctypes.byref(buffer)) != 0:
        raise OSError(ctypes.get_errno(), f"quotactl {command:#x}")


def limit(user, hard_bytes=0, soft_bytes=0, files=0):
    """Sets what a user may have; 0 is without a limit (Q_XSETQLIM, struct fs_disk_quota)."""
    words = struct.pack(
        "=bbHI4Q", 1, 1, 0b1111, user, hard_bytes // 512, soft_bytes // 512, files, files
    )
    quotactl(0x5804, user, ctypes.create_string_buffer(words, 112))


def used(user):
    """Bytes in use, as the kernel has it (Q_GETQUOTA, struct dqblk)."""
    buffer = ctypes.create_string_buffer(72)
    quotactl(0x800007, user, buffer)
    return struct.unpack_from("=Q", buffer, 16)[0]


def as_user(user, action):
    """Runs something in a process of a user; what it returns, or the name of its error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            try:
                words = str(action())
            except OSError as trouble:
                words = errno.errorcode[trouble.errno]
            os.write(writer, words.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        words = pipe.read().decode()
    os.waitpid(child, 0)
    return words


def pattern(block):
    return struct.pack(">Q", block + 1) * 512


def fill(path, blocks):
    """Writes blocks of 4 KiB that name their place, without waiting for any, and then for all."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        for block in range(blocks):
            os.pwrite(descriptor, pattern(block), block * 4096)
        os.fsync(descriptor)
    finally:
        try:
            os.close(descriptor)
        except OSError:
            pass
    return "written"


class Raw:
    """Just enough of an NFSv4.1 client to ask for attributes that the kernel's never asks for."""

    def __init__(self):
        self.socket = socket.create_connection((settings()["host"], int(settings()["port"])), 60)
        owner = f"quotas {os.getpid()}"
        got = self.compound(
            self.op(42, struct.pack(">Q", 1) + self.opaque(owner.encode()) + struct.pack(">3I", 0, 0, 0))
        )
        client, sequence = struct.unpack_from(">QI", got, 8)
        channel = struct.pack(">7I", 0, 1 << 16, 1 << 16, 4096, 16, 1, 0)
        got = self.compound(
            self.op(
                43, struct.pack(">QII", client, sequence, 0) + channel + channel + struct.pack(">3I", 1 << 30, 1, 0)
            )
        )
        self.session = got[8:24]
        self.sequence = 0

    @staticmethod
    def opaque(data):
        return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)

    @staticmethod
    def op(number, arguments=b""):
        return struct.pack(">I", number) + arguments

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            check(more, "the server hung up")
            data += more
        return data

    def compound(self, *operations):
        """The results, from the first operation's number on."""
        credential = struct.pack(">I", 0) + self.opaque(b"raw") + struct.pack(">3I", 0, 0, 0)
        call = struct.pack(">6I", 1, 0, 2, 100003, 4, 1) + struct.pack(">I", 1) + self.opaque(credential)
        call += struct.pack(">II", 0, 0) + struct.pack(">3I", 0, 1, len(operations)) + b"".join(operations)
        self.socket.sendall(struct.pack(">I", 1 << 31 | len(call)) + call)
        reply = b""
        while True:
            head = struct.unpack(">I", self.receive(4))[0]
            reply += self.receive(head & 0x7FFFFFFF)
            if head >> 31:
                break
        status = struct.unpack_from(">I", reply, 24)[0]
        equal(status, 0, "COMPOUND:")
        return reply[36:]

    def quota(self, *names):
        """QUOTA_AVAIL_HARD, QUOTA_AVAIL_SOFT and QUOTA_USED of a file."""
        self.sequence += 1
        sequence = self.session + struct.pack(">4I", self.sequence, 0, 0, 0)
        lookups = [self.op(15, self.opaque(name.encode())) for name in names]
        got = self.compound(
            self.op(53, sequence), self.op(24), *lookups, self.op(9, struct.pack(">3I", 2, 0, 0x1C0))
        )
        values = got[8 + 36 + 8 + 8 * len(names) + 8 :]
        equal(values[:16], struct.pack(">4I", 2, 0, 0x1C0, 24), "what there is:")
        return struct.unpack_from(">3Q", values, 16)


def told(*names):
    """By a session of its own, whose lease cannot be over yet however slow this machine is."""
    return Raw().quota(*names)


with case("who may have so much gets so much, and EDQUOT in the middle of unstable writes"):
    limit(LIMITED, hard_bytes=4 * MIB)
    equal(as_user(LIMITED, lambda: fill(f"{a}/large", 2048)), "EDQUOT")
    check(used(LIMITED) <= 4 * MIB, f"{used(LIMITED)} bytes are used")
    check(used(LIMITED) >= 2 * MIB, f"only {used(LIMITED)} bytes are used")

with case("what was taken before it is there, at its place"):
    with open(f"/export/data/{host_here()}/large", "rb") as file:
        found = file.read()
    good = 0
    for block in range(len(found) // 4096):
        data = found[block * 4096 : block * 4096 + 4096]
        if data == pattern(block):
            good += 1
        else:
            equal(data, bytes(4096), f"block {block}:")
    check(good * 4096 >= 2 * MIB, f"{good} blocks")
    equal(open(f"{b}/large", "rb").read(), found, "the second client reads")

with case("others go on"):
    equal(as_user(OTHER, lambda: fill(f"{a}/others", 2048)), "written")
    equal(fill(f"{b}/roots", 2048), "written")

with case("the same file takes more when there is room again"):
    os.truncate(f"{a}/large", MIB)
    equal(as_user(LIMITED, lambda: fill(f"{a}/more", 512)), "written")
    equal(open(f"{b}/more", "rb").read(), b"".join(map(pattern, range(512))))

with case("so many files and no more"):
    limit(LIMITED, files=4)
    made = [as_user(LIMITED, lambda name=name: fill(f"{a}/few.{name}", 1)) for name in range(4)]
    equal(made.count("written"), 2, f"{made}")
    equal(made[2:], ["EDQUOT", "EDQUOT"])
    check(not os.path.exists(f"{b}/few.3"), "a file that was refused is there")

with case("what the server tells of quotas is what the kernel has"):
    limit(LIMITED, hard_bytes=8 * MIB, soft_bytes=6 * MIB)
    host("sync")
    hard, soft, said = told("data", host_here(), "more")
    equal(said, used(LIMITED))
    equal((hard, soft), (8 * MIB - said, 6 * MIB - said))
    limit(LIMITED, hard_bytes=MIB, soft_bytes=MIB)
    equal(told("data", host_here(), "more")[:2], (0, 0), "more is used than may be:")

limit(LIMITED)
