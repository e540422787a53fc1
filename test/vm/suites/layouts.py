#!/usr/bin/env python3
# title: Selkie's own clients with layouts, and the Linux client, on the same files
# kind: scenario
# versions: 4.1 4.2
# seconds: 400
import hashlib
import os
import random
import time

from selkie_vm import A, B, case, check, equal, here, host, host_here, save, settings

URL = f"nfs://127.0.0.1:{settings()['port']}/data/{host_here()}"
MIB = 1 << 20


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


with case("a file written by one-sided access is read here"):
    host(f"head -c {12 * MIB + 17} /dev/urandom > ../random && selkie cp --no-progress --direct=require ../random {URL}/direct")
    digest = host("sha256sum < ../random").split()[0]
    equal(sha256(f"{here(A)}/direct"), digest)
    equal(sha256(f"{here(B)}/direct"), digest)

with case("a file written here is read by one-sided access"):
    save(f"{here(A)}/ours", random.Random(9).randbytes(2 * MIB + 5))
    equal(host(f"selkie cat --direct=require {URL}/ours | sha256sum").split()[0], sha256(f"{here(B)}/ours"))

with case("a change here recalls the layouts of a writer, which goes on"):
    # The writer keeps its layout as long as its input does not end.
    host("rm -f ../feed; mkfifo ../feed")
    host(f"(exec 9<> ../feed; head -c {8 * MIB} ../random >&9; exec sleep 1000) > /dev/null 2>&1 & echo $! > ../feeder")
    host(
        f"(selkie put --direct=require {URL}/stream < ../feed > ../put.said 2>&1; echo $? > ../put.status) &"
        " echo $! > ../put.pid"
    )
    host(
        f"timeout 180 bash -c 'until [ \"$(stat -c %s {host_here()}/.stream.* 2> /dev/null || echo 0)\" -ge {MIB} ];"
        " do sleep 0.2; done'"
    )
    hidden = next(name for name in os.listdir(here(A)) if name.startswith(".stream."))
    begin = time.monotonic()
    os.chmod(f"{here(A)}/{hidden}", 0o640)
    os.chown(f"{here(A)}/{hidden}", 0, 1100)
    os.truncate(f"{here(A)}/{hidden}", MIB // 2)
    waited = time.monotonic() - begin
    print(f"the changes took {waited:.1f} s", flush=True)
    # Who does not answer a recall is fenced after 35 s.
    check(waited < 30, f"the changes took {waited:.1f} s")
    host(f"(tail -c +{8 * MIB + 1} ../random > ../feed); kill $(cat ../feeder); timeout 180 tail --pid=$(cat ../put.pid) -f /dev/null")
    equal(host("cat ../put.status"), "0", "exit of the writer; it said " + host("cat ../put.said"))
    found = os.stat(f"{here(A)}/stream")
    equal((found.st_size, oct(found.st_mode & 0o777), found.st_gid), (12 * MIB + 17, "0o640", 1100))
    # What was cut is zeros or what the writer still had in flight; what it wrote afterwards is whole.
    with open(f"{here(A)}/stream", "rb") as file:
        file.seek(8 * MIB)
        digest = hashlib.sha256(file.read()).hexdigest()
    equal(digest, host(f"tail -c +{8 * MIB + 1} ../random | sha256sum").split()[0])
