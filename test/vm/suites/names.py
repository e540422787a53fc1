#!/usr/bin/env python3
# title: users by name: owners, groups and entries of lists go as name@domain, numbers where nobody has a name
# kind: scenario
# server: guest
# versions: 4.1 4.2
# seconds: 200
import os

from selkie_vm import A, ALICE, B, BOB, DOMAIN, TEAM, Trace, case, check, equal, here, host, host_here, shell

NOBODY_KNOWS = 4242
a = here(A)


def owners(path):
    found = os.stat(path)
    return found.st_uid, found.st_gid


def on_server(name):
    return tuple(map(int, host(f"stat -c '%u %g' {host_here()}/{name}").split()))


def principals(name):
    """Who the entries of a list are about, as the server wrote it."""
    return {line.split(":")[2] for line in shell(f"nfs4_getfacl {a}/{name}").splitlines() if line and line[0] in "AD"}


def check_mapped(event, number, name):
    """That the kernel's client made one of the other."""
    found = trace.lines(event)
    check(any(f"id={number} " in line and f"name={name}" in line for line in found), f"{number}, {name}: {found}")


os.chmod(a, 0o755)
trace = Trace("nfs4_map_name_to_uid", "nfs4_map_group_to_gid", "nfs4_map_uid_to_name", "nfs4_map_gid_to_group")
with trace, case("owners set on the server are seen by name"):
    host(f"cd {host_here()} && : > owned && chown {ALICE}:{TEAM} owned")
    equal(owners(f"{a}/owned"), (ALICE, TEAM))
    check_mapped("nfs4_map_name_to_uid", ALICE, f"alice@{DOMAIN}")
    check_mapped("nfs4_map_group_to_gid", TEAM, f"team@{DOMAIN}")

with trace, case("owners set by the client arrive by name"):
    open(f"{a}/given", "w").close()
    os.chown(f"{a}/given", BOB, TEAM)
    equal(on_server("given"), (BOB, TEAM))
    equal(owners(f"{here(B)}/given"), (BOB, TEAM))
    check_mapped("nfs4_map_uid_to_name", BOB, f"bob@{DOMAIN}")
    check_mapped("nfs4_map_gid_to_group", TEAM, f"team@{DOMAIN}")

with case("who has no name keeps the number"):
    host(f"cd {host_here()} && : > number && chown {NOBODY_KNOWS}:{NOBODY_KNOWS} number")
    equal(owners(f"{a}/number"), (NOBODY_KNOWS, NOBODY_KNOWS))
    open(f"{a}/numbered", "w").close()
    os.chown(f"{a}/numbered", NOBODY_KNOWS, NOBODY_KNOWS)
    equal(on_server("numbered"), (NOBODY_KNOWS, NOBODY_KNOWS))

with case("entries of lists are about names"):
    host(f"cd {host_here()} && : > listed && chmod 600 listed && setfacl -m u:{ALICE}:r,g:{TEAM}:rw,u:{NOBODY_KNOWS}:r listed")
    found = principals("listed")
    check({f"alice@{DOMAIN}", f"team@{DOMAIN}", str(NOBODY_KNOWS), "OWNER@", "EVERYONE@"} <= found, str(found))

with case("entries by name are those users on the server"):
    shell(f"nfs4_setfacl -a A::bob@{DOMAIN}:RW {a}/listed")
    entries = host(f"getfacl -cnE {host_here()}/listed").split()
    check(f"user:{BOB}:rw-" in entries and f"user:{ALICE}:r--" in entries, str(entries))
    check(f"bob@{DOMAIN}" in principals("listed"), str(principals("listed")))

with case("a name or a domain that is not known here is refused, and changes nothing"):
    before = host(f"getfacl -cnE {host_here()}/listed")
    for principal in (f"mallory@{DOMAIN}", "alice@elsewhere.example"):
        check("Invalid argument" in shell(f"nfs4_setfacl -a A::{principal}:RW {a}/listed 2>&1 || true"), principal)
    equal(host(f"getfacl -cnE {host_here()}/listed"), before)
