"""What suites have at hand: the two mounts, the host, and small helpers."""

import ast
import base64
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time

# Both are the same local directory where a scenario runs without a server, to compare with.
A = os.environ.get("MOUNT_A", "/mnt/a")  # the first client's mount
B = os.environ.get("MOUNT_B", "/mnt/b")  # the second client's: another network namespace, another client id
LOCAL = A == B
ALICE, BOB, TEAM = 1001, 1002, 1100  # the guest's users
DOMAIN = "selkie.example"  # of names, where the server in the guest tells owners by name
LIBC = ctypes.CDLL(None, use_errno=True)


def settings():
    return json.loads(os.environ["SETTINGS"])


def here(mount=A):
    """The suite's own directory, below one of the mounts."""
    return f"{mount}/{os.environ['WORK']}"


def host_here():
    """The same directory, seen from the export's root on the host, where commands of host() run."""
    return os.environ["WORK"]


_control = None
_control_lock = threading.Lock()


def host(command, check=True):
    """Runs a command of bash where the server runs, in the export's root; what it said."""
    global _control
    if "SELKIE_EXPORT" in os.environ:
        done = subprocess.run(
            ["bash", "-c", command], cwd=os.environ["SELKIE_EXPORT"], capture_output=True, text=True, errors="replace"
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return (done.stdout + done.stderr).removesuffix("\n")
    with _control_lock:
        if _control is None:
            _control = open("/dev/control", "r+b", buffering=0)
        _control.write(command.replace("\n", "; ").encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            more = _control.read(65536)
            if more:
                line += more
    status, said = line.split(b" ", 1)
    text = base64.b64decode(said).decode(errors="replace").removesuffix("\n")
    if check and status != b"0":
        raise RuntimeError(f"on the host: {command}: exit {status.decode()}: {text}")
    return text


_failed = False


@contextlib.contextmanager
def case(name):
    """One case of a scenario; what goes wrong in it does not stop those after it."""
    global _failed
    try:
        yield
        print(f"ok {name}", flush=True)
    except Exception as trouble:  # whatever it is, it is this case's result
        import traceback

        traceback.print_exc()
        where = traceback.extract_tb(trouble.__traceback__)[-1]
        words = f"{type(trouble).__name__}: {trouble} (line {where.lineno})"
        print(f"not ok {name}: " + words.replace("\n", " "), flush=True)
        _failed = True


def section(name):
    """Begins a case of a transcript. When that was stands in the log, which is compared with nothing."""
    print(f"== {name}", flush=True)
    print(f"{time.monotonic():.1f} {name}", file=sys.stderr, flush=True)


def attempt(function, *arguments):
    """The result of a call, or the name of its error."""
    try:
        return function(*arguments)
    except OSError as trouble:
        return errno.errorcode[trouble.errno]


def shell(command, check=True):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, errors="replace")
    if check and done.returncode != 0:
        raise RuntimeError(f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def python(code, *arguments, user=None):
    """Another process that runs Python code; its standard input and output are pipes of text."""
    return program([sys.executable, "-B", "-c", code, *map(str, arguments)], user)


def program(command, user=None):
    """A process, perhaps of another user in the group of the team; its input and output are pipes of text."""
    identity = {} if user is None else {"user": user, "group": user, "extra_groups": [TEAM]}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **identity)


class Agent:
    """A process that evaluates expressions, with a dictionary `held` for what it keeps open or locked."""

    CODE = """
import fcntl, os, sys
held = {}
for line in sys.stdin:
    try:
        print(repr((True, eval(line))), flush=True)
    except Exception as trouble:
        print(repr((False, repr(trouble))), flush=True)
"""

    def __init__(self, user=None):
        self.child = python(self.CODE, user=user)

    def do(self, expression):
        self.child.stdin.write(expression + "\n")
        self.child.stdin.flush()
        passed, answer = ast.literal_eval(self.child.stdout.readline())
        if not passed:
            raise RuntimeError(f"{expression}: {answer}")
        return answer

    def end(self):
        self.child.stdin.close()
        self.child.wait(300)


class Trace:
    """What the kernel's NFS client tells by its trace points, which are switched on for as long as this is used."""

    ROOT = "/sys/kernel/tracing"

    def __init__(self, *events):
        self.events = events

    def __enter__(self):
        if not os.path.exists(f"{self.ROOT}/events"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", self.ROOT], check=True)
        self.clear()
        self.switch(1)
        return self

    def __exit__(self, *trouble):
        self.switch(0)

    def switch(self, on):
        for event in self.events:
            with open(f"{self.ROOT}/events/nfs4/{event}/enable", "w") as file:
                file.write(str(on))

    def clear(self):
        open(f"{self.ROOT}/trace", "w").close()

    def lines(self, event, words=""):
        """Those of one event with these words in them, for example "fhandle=..." of handle()."""
        with open(f"{self.ROOT}/trace") as file:
            return [line.strip() for line in file if f" {event}: " in line and words in line]

    def handle(self, event, inode):
        """How a file, if the event tells of it, is called in the lines of all events; or None."""
        for line in self.lines(event):
            found = re.search(rf"fileid=\w+:\w+:{inode} (fhandle=\w+)", line)
            if found:
                return found[1]
        return None


def check(condition, words="is not so"):
    if not condition:
        raise AssertionError(words)


def equal(left, right, words=""):
    if left != right:
        raise AssertionError(f"{words} {str(left)[:300]!r} is not {str(right)[:300]!r}")


def eventually(probe, seconds=180, words="did not come true"):
    """
    For what is not there at once, such as what a client learns by its attribute cache's time-out; asks until then. The
    time is that of a machine which stands still now and then.
    """
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise AssertionError(words)
        time.sleep(0.1)


def set_lock(file, how, length=0, start=0, wait=False):
    """
    A lock of a byte range; whether it was given. Two files of one process compete here as two clients do: on the
    local file system that takes locks of the open file, for those of a process do not compete with each other.
    """
    kind = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}[how]
    words = struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
    kinds = (fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW) if LOCAL else (fcntl.F_SETLK, fcntl.F_SETLKW)
    try:
        fcntl.fcntl(file, kinds[wait], words)
        return True
    except OSError as trouble:
        if wait or trouble.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False


def save(path, content, mode="w"):
    """
    Writes a file, or into it, for another client or the server's processes to read: who has a delegation starts to
    send what was written at the close, and neither the close nor DELEGRETURN waits for it.
    """
    with open(path, mode if isinstance(content, str) else f"{mode[0]}b{mode[1:]}") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fallocate(descriptor, mode, offset, length):
    call = LIBC.fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if call(descriptor, mode, offset, length) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def counters(mount=A):
    """How often this mount sent each NFS operation."""
    found, mine = {}, False
    for line in open("/proc/self/mountstats"):
        if line.startswith("device "):
            mine = f" mounted on {mount} " in line
        elif mine and line.startswith("\t") and ":" in line:
            name, _, rest = line.strip().partition(":")
            first = rest.split()
            if name.isupper() and first and first[0].isdigit():
                found[name] = int(first[0])
    return found
