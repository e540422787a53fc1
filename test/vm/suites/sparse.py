#!/usr/bin/env python3
# title: sparse files: SEEK_HOLE and SEEK_DATA, allocation, punched holes
# kind: compare
# versions: 4.2
# seconds: 200
# sends: SEEK ALLOCATE DEALLOCATE READ_PLUS
import os

from selkie_vm import attempt, fallocate, section

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, COLLAPSE = 1, 2, 16, 8
K = 1024


def segments(descriptor):
    """The file's data as the system tells it, [start, end) in bytes."""
    found, offset = [], 0
    size = os.fstat(descriptor).st_size
    while offset < size:
        start = attempt(os.lseek, descriptor, offset, os.SEEK_DATA)
        if start == "ENXIO":
            break
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        found.append((start, end))
        offset = end
    return found


def content(descriptor):
    """What can be read, as runs of equal 4 KiB blocks."""
    size, runs = os.fstat(descriptor).st_size, []
    for offset in range(0, size, 4 * K):
        block = set(os.pread(descriptor, 4 * K, offset))
        if not runs or runs[-1][1] != block:
            runs.append((offset, block))
    return size, runs


section("data and holes")
file = os.open("f", os.O_CREAT | os.O_RDWR)
for offset in (64 * K, 256 * K, 1024 * K):
    os.pwrite(file, b"d" * 16 * K, offset)
os.ftruncate(file, 2048 * K)
os.fsync(file)
print(segments(file), content(file))
print(os.lseek(file, 0, os.SEEK_HOLE), os.lseek(file, 70 * K, os.SEEK_HOLE), os.lseek(file, 70 * K, os.SEEK_DATA))
print(attempt(os.lseek, file, 1100 * K, os.SEEK_DATA), attempt(os.lseek, file, 2048 * K, os.SEEK_HOLE))
print(attempt(os.lseek, file, 3000 * K, os.SEEK_DATA), os.stat("f").st_blocks)

section("holes are found before the data is flushed")
os.pwrite(file, b"n" * 4 * K, 512 * K)
print(segments(file))

section("punched")
fallocate(file, PUNCH_HOLE | KEEP_SIZE, 256 * K, 16 * K)
print(segments(file), content(file))
fallocate(file, PUNCH_HOLE | KEEP_SIZE, 64 * K + 100, 5 * K)
print(segments(file), os.pread(file, 8 * K, 64 * K).count(0))
fallocate(file, PUNCH_HOLE | KEEP_SIZE, 4096 * K, 16 * K)
print(os.fstat(file).st_size)

section("allocated")
new = os.open("g", os.O_CREAT | os.O_RDWR)
fallocate(new, 0, 0, 100 * K)
os.fsync(new)
print(os.fstat(new).st_size, os.fstat(new).st_blocks, content(new))
os.posix_fallocate(new, 200 * K, 56 * K)
print(os.fstat(new).st_size, content(new))
os.pwrite(new, b"w" * 4 * K, 8 * K)
fallocate(new, 0, 0, 64 * K)
print(os.fstat(new).st_size, content(new))
print(attempt(fallocate, new, 0, -1, 10), attempt(fallocate, new, 0, 0, 0))
reading = os.open("g", os.O_RDONLY)
print(attempt(fallocate, reading, 0, 0, 4 * K))

section("grown and cut")
os.ftruncate(new, 1)
print(content(new))
os.ftruncate(new, 40 * K)
print(content(new))

section("copied with its holes")
os.system("cp --sparse=always f h && cmp f h && echo same")
copy = os.open("h", os.O_RDONLY)
print(content(copy) == content(file))
