#!/usr/bin/env python3
# title: files, directories, links, modes and times, call by call
# kind: compare
# versions: 4.1 4.2
# seconds: 200
import os
import stat

from selkie_vm import attempt, eventually, section


def look(path):
    found = os.lstat(path)
    return stat.filemode(found.st_mode), found.st_nlink, found.st_size if not stat.S_ISDIR(found.st_mode) else "-"


def write(path, data, flags=os.O_CREAT | os.O_RDWR, mode=0o666):
    descriptor = os.open(path, flags, mode)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)


section("create, read, write")
print(write("a", b"hello"), look("a"), open("a", "rb").read())
print(attempt(write, "a", b"x", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
print(write("a", b"bye", os.O_WRONLY | os.O_TRUNC), open("a", "rb").read())
print(write("a", b"!!", os.O_WRONLY | os.O_APPEND), open("a", "rb").read())
with open("holes", "wb") as file:
    file.seek(1_000_003)
    file.write(b"end")
data = open("holes", "rb").read()
print(len(data), data.count(0), data[-3:])
os.truncate("holes", 10)
print(look("holes"), open("holes", "rb").read())
os.truncate("holes", 70_000)
print(look("holes"), set(open("holes", "rb").read()))

section("errors of names")
print(attempt(os.open, "nothing", os.O_RDONLY))
print(attempt(os.mkdir, "a"))
print(attempt(os.rmdir, "a"))
print(attempt(os.unlink, "nothing"))
print(attempt(os.open, "a/b", os.O_RDONLY))
print(attempt(os.open, "n" * 256, os.O_CREAT | os.O_RDWR))
print(attempt(os.mkdir, "n" * 255), attempt(os.rmdir, "n" * 255))
print(attempt(os.open, ".", os.O_RDWR))

section("directories")
os.mkdir("d", 0o750)
print(look("d"))
os.mkdir("d/sub")
print(look("d"), attempt(os.rmdir, "d"))
for name in ["one", "two", "drei", "ünï", "tab\tname", "new\nline", b"\xff\xfe raw"]:
    path = (os.fsencode(name) if isinstance(name, str) else name)
    write(os.path.join(b"d", path), path)
print(sorted(os.listdir(b"d")))
print([open(os.path.join(b"d", name), "rb").read() for name in sorted(os.listdir(b"d")) if name != b"sub"])

section("renames")
os.rename("a", "b")
print(os.path.exists("a"), open("b", "rb").read())
write("c", b"target")
os.rename("b", "c")
print(open("c", "rb").read(), attempt(os.rename, "c", "d"), attempt(os.rename, "d", "c"))
os.mkdir("e")
os.rename("e", "d/sub")
print(os.path.isdir("d/sub"), attempt(os.rename, "d", "d/sub/inside"))
os.rename("c", "d/sub/c")
print(os.listdir("d/sub"), attempt(os.rename, "nothing", "x"))

section("links")
os.link("d/sub/c", "hard")
print(look("hard"), os.path.samefile("hard", "d/sub/c"))
os.unlink("d/sub/c")
print(look("hard"), open("hard", "rb").read())
os.symlink("hard", "soft")
os.symlink("nowhere/at/all", "dangling")
os.symlink("x" * 1000, "long")
print(look("soft"), os.readlink("soft"), open("soft", "rb").read(), attempt(os.stat, "dangling"))
print(look("long"), os.readlink("long") == "x" * 1000)
os.symlink("loop", "loop")
print(attempt(os.stat, "loop"), attempt(os.link, "d", "linked"))

section("special files")
os.mkfifo("fifo", 0o640)
os.mknod("null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
print(look("fifo"), look("null"), os.lstat("null").st_rdev == os.makedev(1, 3))

section("modes")
for mode in (0o000, 0o444, 0o755, 0o4755, 0o2770, 0o1777, 0o7777):
    os.chmod("hard", mode)
    print(oct(os.stat("hard").st_mode))
os.umask(0o027)
print(write("masked", b""), look("masked"))
os.mkdir("maskeddir")
print(look("maskeddir"))
os.umask(0o022)

section("times")
os.utime("hard", ns=(1_000_000_001_000_000_007, 2_000_000_002_000_000_009))
found = os.stat("hard")
print(found.st_atime_ns, found.st_mtime_ns)
os.utime("hard", ns=(0, 1))
found = os.stat("hard")
print(found.st_atime_ns, found.st_mtime_ns)
# From a time long ago: the holder of a delegation takes the time from its own clock, which is not the server's.
os.utime("masked", ns=(0, 1))
before = os.stat("masked").st_mtime_ns
os.utime("masked")
print(os.stat("masked").st_mtime_ns > before)
# The server's clock gives both times.
os.chmod("masked", 0o640)
changed = os.stat("masked").st_ctime_ns
os.chmod("masked", 0o600)
print(os.stat("masked").st_ctime_ns >= changed)
inside = os.stat("d").st_mtime_ns
write("d/another", b"")
print(os.stat("d").st_mtime_ns >= inside)

section("owners")
os.chown("masked", 1001, 1100)
found = os.stat("masked")
print(found.st_uid, found.st_gid)
os.lchown("dangling", 1002, 1002)
print(os.lstat("dangling").st_uid)
os.chmod("hard", 0o6755)
os.chown("hard", 1001, 1001)
print(oct(os.stat("hard").st_mode))

section("open and unlinked")
descriptor = os.open("gone", os.O_CREAT | os.O_RDWR)
os.write(descriptor, b"still here")
os.unlink("gone")
print(os.path.exists("gone"), os.pread(descriptor, 100, 0))
os.write(descriptor, b" and growing")
print(os.pread(descriptor, 100, 0), os.fstat(descriptor).st_size)
os.close(descriptor)
# A client removes it after the close, in its own time.
eventually(lambda: not any(name.startswith(".nfs") for name in os.listdir(".")), words="left behind")

section("removal")
for root, directories, files in os.walk(b".", topdown=False):
    for name in files:
        os.unlink(os.path.join(root, name))
    for name in directories:
        path = os.path.join(root, name)
        os.unlink(path) if os.path.islink(path) else os.rmdir(path)
print(os.listdir("."))
