#!/usr/bin/env python3
# title: appends under fcntl and flock locks from two clients: nothing torn, lost or doubled
# kind: scenario
# versions: local 4.1 4.2
# seconds: 300
# sends: LOCK LOCKU
import collections
import sys

from selkie_vm import A, B, case, check, equal, here, host, host_here, python

WRITERS_EACH = 2
RECORDS = 25
APPENDER = """
import fcntl, os, sys
path, name, records, how = sys.argv[1:]
for number in range(int(records)):
    with open(path, "ab", buffering=0) as file:
        if how == "fcntl":
            fcntl.lockf(file, fcntl.LOCK_EX)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        record = f"{name}.{number}:".encode() + b"." * (37 * number % 3000) + b"\\n"
        assert file.write(record) == len(record)
"""


def appends(how):
    open(f"{here(A)}/{how}", "wb").close()
    writers = [
        python(APPENDER, f"{here(mount)}/{how}", f"{client}{number}", RECORDS, how)
        for client, mount in (("a", A), ("b", B))
        for number in range(WRITERS_EACH)
    ]
    equal([writer.wait() for writer in writers], [0] * len(writers), "exits of the writers:")
    expected = collections.Counter(
        f"{client}{number}.{record}:" + "." * (37 * record % 3000)
        for client in "ab"
        for number in range(WRITERS_EACH)
        for record in range(RECORDS)
    )
    for mount in (A, B):
        got = collections.Counter(open(f"{here(mount)}/{how}").read().splitlines())
        check(got == expected, f"{mount}: {list((expected - got) + (got - expected))[:3]}")
    size = int(host(f"stat -c %s {host_here()}/{how}"))
    equal(size, sum((len(line) + 1) * count for line, count in expected.items()), "size on the server")


with case("appends under fcntl locks"):
    appends("fcntl")
with case("appends under flock"):
    appends("flock")
