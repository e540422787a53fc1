#!/usr/bin/env python3
# title: fcntl, open-file-description and flock locks among the processes of one client
# kind: compare
# versions: 4.1 4.2
# seconds: 200
import fcntl
import os
import struct
import sys

from selkie_vm import attempt, python, section

F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
OTHER = """
import fcntl, os, struct, sys, errno
descriptor = os.open(sys.argv[1], os.O_RDWR)
for line in sys.stdin:
    how, start, length = line.split()
    kind = {"r": fcntl.LOCK_SH, "w": fcntl.LOCK_EX, "u": fcntl.LOCK_UN}
    try:
        if how in "RWU":
            fcntl.flock(descriptor, kind[how.lower()] | fcntl.LOCK_NB)
        elif how == "b":
            fcntl.lockf(descriptor, fcntl.LOCK_EX, int(length), int(start))
        elif how == "?":
            flock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, int(start), int(length), 0)
            got = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, flock))
            print({0: "read", 1: "write", 2: "free"}[got[0]], *(got[2:4] if got[0] != 2 else ()), flush=True)
            continue
        else:
            fcntl.lockf(descriptor, kind[how] | (0 if how == "u" else fcntl.LOCK_NB), int(length), int(start))
        print("ok", flush=True)
    except OSError as trouble:
        print(errno.errorcode[trouble.errno], flush=True)
"""


class Process:
    def __init__(self, path):
        self.child = python(OTHER, path)

    def ask(self, how, start=0, length=0):
        self.send(how, start, length)
        return self.answer()

    def send(self, how, start=0, length=0):
        self.child.stdin.write(f"{how} {start} {length}\n")
        self.child.stdin.flush()

    def answer(self):
        return self.child.stdout.readline().strip()

    def end(self):
        self.child.stdin.close()
        self.child.wait()


open("f", "wb").write(b"x" * 1000)
one, two = Process("f"), Process("f")

section("exclusive and shared ranges")
print(one.ask("w", 0, 10), two.ask("w", 5, 10), two.ask("r", 5, 1), two.ask("w", 10, 10))
print(one.ask("r", 10, 1), one.ask("r", 100, 50), two.ask("r", 120, 50), two.ask("w", 100, 1))
print(two.ask("u", 0, 0), one.ask("u", 0, 0))

section("split, merge, upgrade, downgrade")
print(one.ask("w", 0, 100), one.ask("u", 40, 20), two.ask("w", 40, 20), two.ask("w", 39, 1), two.ask("w", 60, 1))
print(two.ask("u", 40, 20), one.ask("w", 40, 20), two.ask("w", 50, 1))
print(one.ask("r", 0, 100), two.ask("r", 0, 100), one.ask("w", 0, 1), two.ask("u", 0, 0), one.ask("w", 0, 1))
print(one.ask("u", 0, 0))

section("to the end of the file and beyond")
print(one.ask("w", 500, 0), two.ask("w", 1 << 40, 1), two.ask("w", 0, 500), two.ask("w", 499, 2))
print(one.ask("u", 0, 0), two.ask("u", 0, 0))
print(one.ask("w", (1 << 62), (1 << 62)), two.ask("w", (1 << 63) - 1, 1), one.ask("u", 0, 0))

section("who holds it")
print(one.ask("w", 10, 10), two.ask("?", 0, 100), two.ask("?", 0, 10), one.ask("?", 0, 100), one.ask("u", 0, 0))
print(one.ask("r", 10, 10), two.ask("?", 0, 0), one.ask("u", 0, 0))

section("a blocked lock is granted when the holder lets go")
print(one.ask("w", 0, 10))
two.send("b", 0, 10)
print(one.ask("u", 0, 10), two.answer(), one.ask("w", 0, 1), two.ask("u", 0, 0))

section("a close and an end let go")
print(one.ask("w", 0, 10))
one.end()
print(two.ask("w", 0, 10), two.ask("u", 0, 0))
one = Process("f")

section("flock")
print(one.ask("W"), two.ask("R"), two.ask("W"), one.ask("U"), two.ask("R"), one.ask("R"), one.ask("W"))
print(two.ask("U"), one.ask("W"), one.ask("U"))

section("open-file-description locks")
first, second = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 10, 0)
free = struct.pack("hhqqi4x", fcntl.F_UNLCK, 0, 0, 10, 0)
print(attempt(lambda: fcntl.fcntl(first, F_OFD_SETLK, lock) and "ok"))
print(attempt(lambda: fcntl.fcntl(second, F_OFD_SETLK, lock) and "ok"))
print(attempt(lambda: fcntl.fcntl(first, F_OFD_SETLK, free) and "ok"))
print(attempt(lambda: fcntl.fcntl(second, F_OFD_SETLK, lock) and "ok"))
os.close(first)
os.close(second)

section("rights")
reading = os.open("f", os.O_RDONLY)
print(attempt(fcntl.lockf, reading, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0))
print(attempt(fcntl.lockf, reading, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 0))
os.close(reading)

section("many ranges")
for start in range(0, 400, 4):
    if one.ask("w", start, 2) != "ok":
        print("no", start)
print(two.ask("w", 0, 400), [two.ask("w", start, 2) for start in (2, 198, 398)], two.ask("u", 0, 0))
print(one.ask("u", 0, 0), two.ask("w", 0, 400))
one.end()
two.end()
