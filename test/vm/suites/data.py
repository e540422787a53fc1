#!/usr/bin/env python3
# title: mapped memory, O_DIRECT, O_APPEND, many descriptors, large offsets
# kind: compare
# versions: 4.1 4.2
# seconds: 200
import hashlib
import mmap
import os
import random

from selkie_vm import attempt, section


def digest(path):
    return os.stat(path).st_size, hashlib.sha256(open(path, "rb").read()).hexdigest()[:16]


section("mapped memory")
with open("m", "w+b") as file:
    file.truncate(300_000)
    with mmap.mmap(file.fileno(), 300_000) as memory:
        for offset in range(0, 300_000, 7919):
            memory[offset] = offset % 251
        memory.flush()
        print(os.pread(file.fileno(), 1, 7919 * 3))
        os.pwrite(file.fileno(), b"written", 100_000)
        print(memory[100_000:100_007])
print(digest("m"))
with open("m", "r+b") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as private:
    private[0:4] = b"mine"
    print(private[0:4], os.pread(file.fileno(), 4, 0))
with open("m", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
    file.close()
    os.unlink("m")
    print(hashlib.sha256(memory).hexdigest()[:16])

section("direct")
buffer = mmap.mmap(-1, 1 << 20)
buffer.write(random.Random(5).randbytes(1 << 20))
file = os.open("direct", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
print(os.pwritev(file, [buffer], 0), os.pwritev(file, [memoryview(buffer)[:8192]], 3 << 20))
back = mmap.mmap(-1, 1 << 20)
print(os.preadv(file, [back], 0), back[:] == buffer[:], os.preadv(file, [back], 1 << 20), set(back[:4096]))
print(digest("direct"))
with open("direct", "r+b", buffering=0) as other:
    other.seek(4096)
    other.write(b"through the cache")
print(os.preadv(file, [memoryview(back)[:4096]], 4096), back[:17])
os.close(file)

section("append")
first, second = (os.open("log", os.O_CREAT | os.O_WRONLY | os.O_APPEND) for _ in range(2))
for number in range(50):
    os.write((first, second)[number % 2], b"record %d\n" % number)
print(open("log").read().split("\n") == [f"record {n}" for n in range(50)] + [""])

section("one file by several descriptors and names")
file = os.open("several", os.O_CREAT | os.O_RDWR)
again = os.open("several", os.O_RDONLY)
os.write(file, b"abc")
print(os.pread(again, 10, 0))
os.link("several", "other")
third = os.open("other", os.O_WRONLY)
os.pwrite(third, b"X", 1)
print(os.pread(again, 10, 0), os.fstat(file).st_ino == os.fstat(third).st_ino)
os.unlink("several")
os.unlink("other")
os.pwrite(third, b"Y", 2)
print(os.pread(again, 10, 0))
os.ftruncate(file, 1)
print(os.pread(again, 10, 0))

section("truncated while open")
file = os.open("t", os.O_CREAT | os.O_RDWR)
os.write(file, b"x" * 10_000)
os.truncate("t", 5000)
print(len(os.pread(file, 20_000, 0)), os.fstat(file).st_size)
open("t", "w").close()
print(os.fstat(file).st_size, os.pread(file, 10, 0))

section("large offsets")
file = os.open("large", os.O_CREAT | os.O_RDWR)
for offset in ((1 << 31) - 2, (1 << 32) - 2, (1 << 40) + 1):
    os.pwrite(file, b"edge", offset)
    print(os.pread(file, 6, offset - 1))
os.fsync(file)
print(os.fstat(file).st_size)
# A client may hear of it from the flush only.
print(attempt(lambda: (os.pwrite(file, b"x", 1 << 62), os.fsync(file))))
print(attempt(os.ftruncate, file, (1 << 63) - 1))

section("many small files, written and read again")
for number in range(100):
    with open(f"small.{number}", "wb") as file:
        file.write(b"%d" % number * (number + 1))
print(all(open(f"small.{n}", "rb").read() == b"%d" % n * (n + 1) for n in range(100)))
print(len([name for name in os.listdir(".") if name.startswith("small.")]))

section("many descriptors of many files")
descriptors = [os.open(f"small.{n}", os.O_RDWR) for n in range(100) for _ in range(3)]
for descriptor in descriptors:
    os.pwrite(descriptor, b"!", 0)
print(all(os.pread(descriptor, 1, 0) == b"!" for descriptor in descriptors))
for descriptor in descriptors:
    os.close(descriptor)

section("names of 255 bytes and deep directories")
deep = "."
for level in range(20):
    deep += f"/{level:040d}"
    os.mkdir(deep)
with open(deep + "/" + "n" * 255, "w") as file:
    file.write("deep")
print(open(deep + "/" + "n" * 255).read(), os.path.getsize(deep + "/" + "n" * 255))
