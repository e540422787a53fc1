#!/usr/bin/env python3
# title: server-side copies of ranges and whole files
# kind: compare
# versions: 4.2
# seconds: 200
# sends: COPY
import fcntl
import hashlib
import os
import random

from selkie_vm import attempt, section

FICLONE = 0x40049409
data = random.Random(1).randbytes(3_000_001)
open("source", "wb").write(data)
source = os.open("source", os.O_RDWR)


def digest(path):
    content = open(path, "rb").read()
    return len(content), hashlib.sha256(content).hexdigest()[:16]


def copy(target, count, start=0, to=0, from_=None):
    """Repeats short copies, as every user of the call must."""
    done = 0
    while done < count:
        part = os.copy_file_range(source if from_ is None else from_, target, count - done, start + done, to + done)
        if part == 0:
            break
        done += part
    return done


section("whole file")
target = os.open("whole", os.O_CREAT | os.O_RDWR)
print(copy(target, len(data)), open("whole", "rb").read() == data)

section("ranges")
target = os.open("ranges", os.O_CREAT | os.O_RDWR)
print(copy(target, 1000, 17, 5), copy(target, 500_000, 1_000_003, 100_001), copy(target, 10, 0, 2_000_000))
print(digest("ranges"))
print(copy(target, 1_000_000, 2_999_000, 0), digest("ranges"))
print(copy(target, 100, 5_000_000, 0), digest("ranges"))

section("over what is there, after writes not yet flushed")
os.pwrite(source, b"fresh" * 1000, 100)
print(copy(target, 10_000, 0, 50), digest("ranges"))
os.pwrite(target, b"late", 60)
print(digest("ranges"))

section("within one file")
print(copy(source, 1000, 0, 2_000_000), digest("source"))
print(attempt(os.copy_file_range, source, source, 1000, 0, 500))

section("errors")
reading = os.open("source", os.O_RDONLY)
print(attempt(os.copy_file_range, source, reading, 10, 0, 0))
writing = os.open("w", os.O_CREAT | os.O_WRONLY)
print(attempt(os.copy_file_range, writing, target, 10, 0, 0))
appending = os.open("ranges", os.O_WRONLY | os.O_APPEND)
print(attempt(os.copy_file_range, source, appending, 10, 0, 0))

section("the tool")
print(os.system("cp source tool && cmp source tool && echo same"))

section("a clone where the file system has none")
print(attempt(fcntl.ioctl, target, FICLONE, source))
