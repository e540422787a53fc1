#!/usr/bin/env python3
# title: statfs and df agree with the server's file system; silly renames; exports for reading only, and with squashed users
# kind: scenario
# versions: 4.1 4.2
# seconds: 200
import os
import subprocess
import sys

from selkie_vm import A, B, attempt, case, check, equal, eventually, here, host, host_here, save

sys.path.insert(0, "/job/guest")
import driver

with case("statfs is the server's"):
    found = os.statvfs(A)
    size, available, names = map(int, host("stat -f -c '%b %a %c' .").split())
    block = int(host("stat -f -c %S ."))
    # The client counts in units of its own, and rounds up.
    check(0 <= found.f_blocks * found.f_frsize - size * block < found.f_frsize, f"{found.f_blocks} * {found.f_frsize}")
    difference = abs(found.f_bavail * found.f_frsize - available * block)
    check(difference < 4 << 30, f"available differs by {difference}")
    equal(found.f_files, names, "inodes")
    check(found.f_namemax == 255, f"names of {found.f_namemax} bytes")

with case("an open file that is removed lives until its close, and leaves nothing"):
    file = os.open(f"{here(A)}/silly", os.O_CREAT | os.O_RDWR)
    os.write(file, b"alive")
    os.unlink(f"{here(A)}/silly")
    equal(os.pread(file, 10, 0), b"alive")
    hidden = host(f"ls -A {host_here()}")
    check(hidden.startswith(".nfs"), f"no silly rename: {hidden}")
    os.close(file)
    # The client removes it after the close, in its own time.
    eventually(lambda: host(f"ls -A {host_here()}") == "", words="left behind")

with case("removed by the other client while it is open: reads go on or say ESTALE"):
    with open(f"{here(A)}/other", "wb") as new:
        new.write(b"alive")
    file = os.open(f"{here(A)}/other", os.O_RDWR)
    os.unlink(f"{here(B)}/other")
    check(attempt(os.pread, file, 10, 0) in (b"alive", "ESTALE"))
    os.close(file)

try:
    with case("an export in another one is a file system of its own, with its way back"):
        inner, name = f"{A}/inner", host_here()
        with os.scandir(A) as entries:
            covered = [entry.inode() for entry in entries if entry.name == "inner"]
        equal(covered, [int(host("stat -c %i inner"))], "number of the directory that it covers:")
        host(f"mkdir -p ../inner/{name}/sub && echo inside > ../inner/{name}/sub/file")
        equal(open(f"{inner}/{name}/sub/file").read(), "inside\n")
        check(os.stat(inner).st_dev != os.stat(A).st_dev, "it shares the outer one's device number")
        equal(os.stat(f"{inner}/{name}/sub/file").st_dev, os.stat(inner).st_dev, "device of what lies in it:")
        equal(os.stat(inner).st_ino, int(host("stat -c %i ../inner")), "number of its root:")
        check(os.path.ismount(inner), "the client mounted nothing there")
        # By way of the names, and of a directory where one stands.
        for way in (f"{inner}/..", f"{inner}/{name}/../..", f"{inner}/{name}/sub/../../.."):
            check(os.path.samefile(way, A), way)
        equal(subprocess.run(["/bin/pwd", "-P"], cwd=f"{inner}/{name}/sub/..", capture_output=True, text=True).stdout,
              f"{inner}/{name}\n")
        save(f"{inner}/{name}/made", "by the client")
        equal(host(f"cat ../inner/{name}/made"), "by the client")
        equal(host("ls -A inner"), "", "what the covered directory holds:")
        for action in (os.rename, os.link):
            equal(attempt(action, f"{inner}/{name}/made", f"{here()}/moved"), "EXDEV", str(action))
        equal(attempt(os.rmdir, inner), "EBUSY")
        equal(attempt(os.rename, inner, f"{here()}/inner"), "EBUSY")
finally:
    driver.unmount(f"{A}/inner")

version = os.environ["VERSION"]
try:
    with case("an export for reading only"):
        host(f"echo read me > ../readonly/{host_here()}")
        driver.mount("/mnt/c", version, "readonly")
        equal(open(f"/mnt/c/{host_here()}").read(), "read me\n")
        equal(attempt(os.mkdir, "/mnt/c/new"), "EROFS")
        # ACCESS says already that nobody may, so the client need not try.
        check(attempt(os.truncate, f"/mnt/c/{host_here()}", 0) in ("EROFS", "EACCES"))
        equal(attempt(os.open, f"/mnt/c/{host_here()}", os.O_RDWR), "EROFS")
        equal(attempt(os.unlink, f"/mnt/c/{host_here()}"), "EROFS")
finally:
    driver.unmount("/mnt/c")
try:
    with case("root of the client is nobody on an export that squashes it"):
        name = host_here()
        host(f"mkdir ../squash/{name} && chmod 755 ../squash/{name} && mkdir ../squash/{name}/all && chmod 777 ../squash/{name}/all")
        host(f"echo secret > ../squash/{name}/secret && chmod 600 ../squash/{name}/secret")
        driver.mount("/mnt/c", version, "squash")
        base = f"/mnt/c/{name}"
        equal(attempt(os.mkdir, f"{base}/new"), "EACCES")
        equal(attempt(lambda: open(f"{base}/secret").read()), "EACCES")
        equal(attempt(os.chmod, f"{base}/secret", 0o666), "EPERM")
        equal(attempt(os.chown, f"{base}/secret", 0, 0), "EPERM")
        os.mkdir(f"{base}/all/mine")
        equal(os.stat(f"{base}/all/mine").st_uid, 65534, "owner")
        equal(host(f"stat -c %u ../squash/{name}/all/mine"), "65534", "owner on the server")
finally:
    driver.unmount("/mnt/c")
try:
    with case("the root joins the exports"):
        driver.mount("/mnt/c", version, "")
        check({"data", "readonly", "squash"} <= set(os.listdir("/mnt/c")), str(os.listdir("/mnt/c")))
        check(host_here() in os.listdir("/mnt/c/data"))
        check(os.stat("/mnt/c/data").st_dev != os.stat("/mnt/c/squash").st_dev, "exports share a device number")
        equal(os.path.samefile("/mnt/c/data/..", "/mnt/c"), True)
finally:
    driver.unmount("/mnt/c")
