#!/usr/bin/env python3
# title: extended attributes
# kind: compare
# versions: 4.2
# seconds: 200
# sends: GETXATTR SETXATTR LISTXATTRS REMOVEXATTR
import os

from selkie_vm import attempt, section


def users(path):
    """The names that every file system shows to everybody."""
    return sorted(name for name in os.listxattr(path) if name.startswith("user."))


open("f", "w").close()
os.mkdir("d")
os.symlink("f", "l")

section("set, get, list, remove")
print(users("f"), attempt(os.getxattr, "f", "user.none"), attempt(os.removexattr, "f", "user.none"))
os.setxattr("f", "user.one", b"1")
os.setxattr("f", "user.zwei", b"\x00\xff binary \n")
os.setxattr("f", "user.empty", b"")
print(users("f"), [os.getxattr("f", name) for name in users("f")])
os.setxattr("f", "user.one", b"another value")
print(os.getxattr("f", "user.one"))
os.removexattr("f", "user.one")
print(users("f"), attempt(os.getxattr, "f", "user.one"))

section("create and replace")
print(attempt(os.setxattr, "f", "user.empty", b"x", os.XATTR_CREATE))
print(attempt(os.setxattr, "f", "user.none", b"x", os.XATTR_REPLACE))
print(attempt(os.setxattr, "f", "user.new", b"x", os.XATTR_CREATE), attempt(os.setxattr, "f", "user.new", b"y", os.XATTR_REPLACE))
print(os.getxattr("f", "user.new"))

section("names and sizes")
long = "user." + "n" * 250
os.setxattr("f", long, b"long name")
print(os.getxattr("f", long), attempt(os.setxattr, "f", "user." + "n" * 251, b"x"))
os.setxattr("f", "user.ünï", "välue".encode())
print(users("f"), os.getxattr("f", "user.ünï"))
os.removexattr("f", long)
os.setxattr("f", "user.big", b"b" * 3000)
print(os.getxattr("f", "user.big") == b"b" * 3000)
print(attempt(os.setxattr, "f", "user.huge", b"h" * 65537))
print(attempt(os.setxattr, "f", "user.", b"x"))

section("many")
for number in range(60):
    os.setxattr("d", f"user.number.{number:03}", b"%d" % number)
print(users("d"), all(os.getxattr("d", f"user.number.{n:03}") == b"%d" % n for n in range(60)))

section("directories and links")
os.setxattr("d", "user.dir", b"yes")
print(os.getxattr("d", "user.dir"), os.getxattr("l", "user.empty"))
print(attempt(lambda: os.setxattr("l", "user.link", b"x", follow_symlinks=False)))

section("they stay through renames and go with the file")
os.rename("f", "g")
print(users("g"))
open("f", "w").close()
print(users("f"))
