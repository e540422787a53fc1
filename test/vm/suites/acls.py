#!/usr/bin/env python3
# title: access control lists: POSIX ones of the server as NFSv4 ones, and back; defaults are inherited
# kind: scenario
# server: guest
# versions: 4.1 4.2
# seconds: 300
import os
import re

from selkie_vm import A, ALICE, B, BOB, TEAM, attempt, case, check, equal, here, host, host_here, shell

a = here(A)


def as_user(user, groups, function, *arguments):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups(groups)
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        os.write(writer, repr(attempt(function, *arguments)).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    return os.read(reader, 1000).decode()


def read(path):
    return open(path).read()


def write(path):
    with open(path, "a") as file:
        return file.write("w")


def posix(name):
    return host(f"getfacl -cnE {host_here()}/{name}").split()


def nfs4(name):
    """The list as the client sees it: type:flags:principal:rights."""
    lines = shell(f"nfs4_getfacl {a}/{name}").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


os.chmod(a, 0o755)
with case("a list set on the server decides for users of the client"):
    open(f"{a}/f", "w").write("data")
    os.chmod(f"{a}/f", 0o600)
    host(f"setfacl -m u:{ALICE}:r,g:{TEAM}:rw {host_here()}/f")
    equal(as_user(ALICE, [], read, f"{a}/f"), "'data'")
    equal(as_user(ALICE, [], write, f"{a}/f"), "'EACCES'")
    equal(as_user(BOB, [TEAM], write, f"{a}/f"), "1")
    equal(as_user(BOB, [], read, f"{a}/f"), "'EACCES'")
    equal(as_user(ALICE, [], os.access, f"{a}/f", os.R_OK), "True")
    equal(as_user(ALICE, [], os.access, f"{a}/f", os.W_OK), "False")

with case("the client sees it as an NFSv4 list"):
    entries = nfs4("f")
    check(any(re.match(rf"A::(alice|{ALICE})(@\S*)?:r", entry) for entry in entries), str(entries))
    check(any(re.match(rf"A:g:(team|{TEAM})(@\S*)?:rw", entry) for entry in entries), str(entries))
    check(any(entry.startswith("A::OWNER@:rw") for entry in entries), str(entries))

with case("an entry added by the client is in the server's list"):
    shell(f"nfs4_setfacl -a A::{BOB}:RW {a}/f")
    check(f"user:{BOB}:rw-" in posix("f"), str(posix("f")))
    check(f"user:{ALICE}:r--" in posix("f"), str(posix("f")))
    equal(as_user(BOB, [], write, f"{a}/f"), "1")

with case("an entry taken away by the client is gone"):
    for entry in nfs4("f"):
        if re.match(rf"[AD]::(bob|{BOB})(@\S*)?:", entry):
            shell(f"nfs4_setfacl -x {entry} {a}/f")
    check(not any(entry.startswith(f"user:{BOB}:") for entry in posix("f")), str(posix("f")))
    equal(as_user(BOB, [], read, f"{a}/f"), "'EACCES'")

with case("mode and list go together"):
    os.chmod(f"{a}/f", 0o640)
    check("mask::r--" in posix("f"), str(posix("f")))
    equal(as_user(BOB, [TEAM], write, f"{a}/f"), "'EACCES'")
    os.chmod(f"{a}/f", 0o600)
    equal(as_user(ALICE, [], read, f"{a}/f"), "'EACCES'")

with case("default lists are inherited as by a local process"):
    host(f"mkdir {host_here()}/d && setfacl -d -m u:{ALICE}:rwx,g:{TEAM}:rx,m:rwx,o:- {host_here()}/d")
    for umask in (0o022, 0o077):
        host(f"cd {host_here()}/d && umask {umask:03o} && : > local.{umask} && mkdir localdir.{umask}")
        shell(f"cd {a}/d && umask {umask:03o} && : > ours.{umask} && mkdir oursdir.{umask}")
        for ours, local in ((f"d/ours.{umask}", f"d/local.{umask}"), (f"d/oursdir.{umask}", f"d/localdir.{umask}")):
            # NFSv4.1 has no way to say the umask apart from the mode.
            if os.environ["VERSION"] != "4.1":
                equal(posix(ours), posix(local), ours)
            else:
                check(any(entry.startswith(f"user:{ALICE}:rwx") for entry in posix(ours)), str(posix(ours)))

with case("files without a list have the one that their mode says"):
    open(f"{a}/plain", "w").close()
    os.chmod(f"{a}/plain", 0o640)
    entries = nfs4("plain")
    check(all(re.match(r"[AD]:g?:(OWNER@|GROUP@|EVERYONE@):", entry) for entry in entries), str(entries))
    equal(len(posix("plain")), 3)
