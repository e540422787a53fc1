#!/usr/bin/env python3
# title: rights: modes, owners and groups as other users see them
# kind: compare
# versions: 4.1 4.2
# seconds: 200
import os
import stat
import sys

from selkie_vm import ALICE, BOB, TEAM, attempt, section


def as_user(user, group, groups, function, *arguments):
    """The result of a function, run by another user in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups(groups)
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        os.write(writer, repr(attempt(function, *arguments)).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    return os.read(reader, 10_000).decode()


def alice(function, *arguments):
    return as_user(ALICE, ALICE, [TEAM], function, *arguments)


def bob(function, *arguments):
    return as_user(BOB, BOB, [TEAM], function, *arguments)


def stranger(function, *arguments):
    return as_user(1003, 1003, [], function, *arguments)


def read(path):
    return open(path, "rb").read()


def write(path):
    with open(path, "ab", buffering=0) as file:
        return file.write(b"w")


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    found = os.stat(path)
    return found.st_uid, found.st_gid


os.chmod(".", 0o755)
section("who may read and write a file")
open("f", "wb").write(b"data")
os.chown("f", ALICE, TEAM)
for mode in (0o600, 0o640, 0o664, 0o060, 0o006, 0o400, 0o000, 0o777):
    os.chmod("f", mode)
    print(oct(mode), [who(read, "f")[:10] for who in (alice, bob, stranger)], [who(write, "f") for who in (alice, bob, stranger)])
    os.truncate("f", 4)

section("what access(2) says")
for mode in (0o640, 0o711, 0o007):
    os.chmod("f", mode)
    print(oct(mode), [[who(os.access, "f", how) for how in (os.R_OK, os.W_OK, os.X_OK)] for who in (alice, bob, stranger)])

section("new files belong to who made them")
os.mkdir("open")
os.chmod("open", 0o777)
print(alice(create, "open/a"), bob(create, "open/b"), stranger(create, "open/s"))
print(alice(os.mkdir, "open/ad"), os.stat("open/ad").st_uid, alice(os.symlink, "x", "open/al"), os.lstat("open/al").st_uid)

section("a directory decides who may make and remove names")
os.mkdir("closed")
os.chmod("closed", 0o755)
open("closed/f", "w").close()
print(alice(create, "closed/a"), alice(os.unlink, "closed/f"), alice(os.rename, "closed/f", "open/f"), alice(os.mkdir, "closed/d"))
os.chown("closed", ALICE, TEAM)
os.chmod("closed", 0o770)
print(alice(create, "closed/a"), bob(create, "closed/b"), stranger(create, "closed/s"), stranger(os.listdir, "closed"), stranger(os.stat, "closed/a"))
os.chmod("closed", 0o711)
print(stranger(os.listdir, "closed"), stranger(lambda: os.stat("closed/a").st_uid), stranger(read, "closed/a"))

section("set-group-id and sticky directories")
os.mkdir("team")
os.chown("team", 0, TEAM)
os.chmod("team", 0o2775)
print(alice(create, "team/a"), alice(os.mkdir, "team/d"), oct(os.stat("team/d").st_mode), os.stat("team/d").st_gid)
os.chmod("open", 0o1777)
print(bob(os.unlink, "open/a"), bob(os.rename, "open/a", "open/x"), alice(os.unlink, "open/a"))

section("who may change what")
os.chmod("f", 0o666)
print(bob(os.chmod, "f", 0o600), alice(os.chmod, "f", 0o660), oct(os.stat("f").st_mode))
print(alice(os.chown, "f", BOB, -1), alice(os.chown, "f", -1, ALICE), alice(os.chown, "f", -1, TEAM), alice(os.chown, "f", -1, 5))
os.chmod("f", 0o666)
print(bob(os.utime, "f"), bob(os.utime, "f", (1, 1)), alice(os.utime, "f", (1, 1)), stranger(os.truncate, "f", 2))
os.chmod("f", 0o644)
print(bob(os.utime, "f"), bob(os.truncate, "f", 0))

section("writing takes away set-user-id")
os.chmod("f", 0o6777)
print(bob(write, "f"), oct(os.stat("f").st_mode))
os.chmod("f", 0o6755)
print(alice(os.chown, "f", -1, TEAM), oct(os.stat("f").st_mode))

section("hard links and locked files")
os.chmod("f", 0o600)
print(alice(os.link, "f", "open/linked"), os.stat("f").st_nlink)
descriptor = os.open("f", os.O_RDONLY)
os.chmod("f", 0)
print(len(os.read(descriptor, 10)) > 0)

section("an owner writes through the description that made a read-only file")


def make_read_only():
    descriptor = os.open("open/ro", os.O_CREAT | os.O_WRONLY, 0o444)
    return os.write(descriptor, b"written"), os.fsync(descriptor), os.close(descriptor)


print(alice(make_read_only), stranger(read, "open/ro"), alice(write, "open/ro"))

section("programs run from the mount")
open("program", "w").write("#!/bin/sh\necho ran as $(id -u)\n")
os.chown("program", ALICE, TEAM)
os.chmod("program", 0o750)


def execute():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        try:
            os.execv("./program", ["program"])
        except OSError as trouble:
            os.write(1, f"errno {trouble.errno}".encode())
        os._exit(1)
    os.close(writer)
    os.waitpid(child, 0)
    return os.read(reader, 100)


print(alice(execute), bob(execute), stranger(execute))
os.chmod("program", 0o711)
print(stranger(execute)[:10])
