#!/usr/bin/env python3
# title: storms of renames, links and unlinks from several processes of two clients
# kind: compare
# versions: 4.1 4.2
# seconds: 300
import os
import random
import traceback

from selkie_vm import save, section

# Every other one works by way of the second client; on the local file system that is the same directory.
WORKERS = 4
OTHER = os.environ["OTHER"]


def together(work, workers=WORKERS, clients=2):
    children = []
    for worker in range(workers):
        child = os.fork()
        if child == 0:
            try:
                if worker % clients:
                    os.chdir(OTHER)
                work(worker)
                os._exit(0)
            except BaseException as trouble:
                traceback.print_exc()
                print(f"worker {worker}: {trouble!r}", flush=True)
                os._exit(1)
        children.append(child)
    print("exits", [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
    # A client looks for what others did to a directory when it has changed it itself, and not for half a minute
    # otherwise.
    for directory in (".", *(entry for entry in os.listdir(".") if os.path.isdir(entry))):
        os.utime(directory)


def opened_status(path):
    """Attributes as of an open, before which a client asks for them."""
    with open(path) as file:
        return os.fstat(file.fileno())



section("tokens move between directories, none is lost or doubled")
for number in range(3):
    os.mkdir(f"d{number}")
for token in range(20):
    open(f"d0/t{token}", "w").write(str(token))


def move(worker):
    chance = random.Random(worker)
    for _ in range(30):
        token = f"t{chance.randrange(20)}"
        source, target = chance.sample(range(3), 2)
        try:
            os.rename(f"d{source}/{token}", f"d{target}/{token}")
        except FileNotFoundError:
            pass  # it is elsewhere now


together(move)
names = sorted(name for number in range(3) for name in os.listdir(f"d{number}"))
print(len(names), len(set(names)))
print(sorted(int(open(f"d{n}/{name}").read()) for n in range(3) for name in os.listdir(f"d{n}")))

section("renames onto one name by one client: it always exists, whole")
save("target", "x" * 100)


def replace(worker):
    for turn in range(10):
        save(f"new.{worker}", f"{worker}" * 100)
        os.rename(f"new.{worker}", "target")
        got = open("target").read()
        assert len(got) == 100 and len(set(got)) == 1, got


together(replace, clients=1)
print(sorted(name for name in os.listdir(".") if name.startswith(("new", "target"))))

# One process of each: a client that renames onto what it has open itself gives that another name first, so that for
# a moment the name is not there for the other one.
section("renames onto one name by two clients: it always exists, whole")
together(replace, workers=2)
print(sorted(name for name in os.listdir(".") if name.startswith(("new", "target"))))

section("link as a lock: never two holders")
save("count", "0")


def count(worker):
    mine = f"mine.{worker}"
    open(mine, "w").close()
    done = 0
    while done < 3:
        try:
            os.link(mine, "lock")
        except FileExistsError:
            continue
        value = int(open("count").read())
        save("count", str(value + 1))
        os.unlink("lock")
        done += 1
    os.unlink(mine)


together(count)
print(open("count").read(), os.path.exists("lock"))

section("exclusive create: one winner per name")


def claim(worker):
    for number in range(20):
        try:
            descriptor = os.open(f"claim.{number}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            continue
        os.write(descriptor, f"{worker}\n".encode())
        os.fsync(descriptor)
        os.close(descriptor)


together(claim)
print([len(open(f"claim.{number}").readlines()) for number in range(20)])

section("hard links come and go")
open("inode", "w").write("data")


def links(worker):
    for turn in range(20):
        os.link("inode", f"link.{worker}.{turn}")
    for turn in range(0, 20, 2):
        os.unlink(f"link.{worker}.{turn}")


together(links)
print(opened_status("inode").st_nlink, len([n for n in os.listdir(".") if n.startswith("link.")]))

section("everybody unlinks the same names: each goes once")
os.mkdir("shared")
for number in range(60):
    open(f"shared/{number}", "w").close()
for worker in range(WORKERS):
    open(f"unlinked.{worker}", "w").close()


def unlink(worker):
    mine = 0
    for number in range(60):
        try:
            os.unlink(f"shared/{number}")
            mine += 1
        except FileNotFoundError:
            pass  # another one was faster
    save(f"unlinked.{worker}", str(mine))


together(unlink)
print(os.listdir("shared"), sum(int(open(f"unlinked.{worker}").read()) for worker in range(WORKERS)))

section("trees made and torn down side by side")


def trees(worker):
    for turn in range(3):
        top = f"tree.{worker}.{turn}"
        os.makedirs(f"{top}/a/b/c")
        for name in ("1", "a/2", "a/b/3", "a/b/c/4"):
            open(f"{top}/{name}", "w").write(name)
        os.rename(f"{top}/a/b", f"{top}/b")
        assert open(f"{top}/b/c/4").read() == "a/b/c/4"
        for root, directories, files in os.walk(top, topdown=False):
            for name in files:
                os.unlink(f"{root}/{name}")
            for name in directories:
                os.rmdir(f"{root}/{name}")
        os.rmdir(top)


together(trees)
print([name for name in os.listdir(".") if name.startswith("tree")])
