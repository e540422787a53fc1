"""Runs the suites inside the guest: mounts, runs, compares, and writes down what came of it.

A suite is a program. Its head says what it needs, in comments "# key: value":

    kind      compare: runs in an empty directory, prints a transcript; "== NAME" begins a case of it.
                       It runs on the guest's own ext4 and on each mount; the transcripts must be equal.
                       OTHER is the same directory, seen by the second client.
              scenario: runs with mounts and the server at hand (see selkie_vm.py), prints
                       "ok NAME" or "not ok NAME: why" per case.
    versions  of NFS, for example "4.1 4.2"; a scenario may name "local" first, and then runs also with one
              directory of the guest's own file system in place of both mounts
    sends     operations that the clients must have sent by its end, as mountstats name them: some things a
              kernel does by other means, and nobody notices, when its server cannot
    seconds   it may take, for each version
    waits for what the server lacks yet; such a suite is listed and not run
    kernel may say  what is no trouble in this suite, as a regular expression
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from selkie_vm import A, B, DOMAIN, counters

JOB = "/job"
LOCAL = "/local"
SETTINGS = json.load(open(f"{JOB}/settings.json"))
# What the kernel says when it, or the server, is in trouble.
KERNEL_TROUBLE = re.compile(
    r"BUG:|WARNING:|Oops|Call Trace|blocked for more than|state manager failed|bad sequence-id"
    r"|returned a bogus|Remote I/O error|lost \d+ locks|reclaim.*failed|server .* error"
)


def said(words):
    print(words, flush=True)


class Results:
    """One line per case: suite, case, version, verdict, seconds, reason."""

    def __init__(self):
        self.file = open(f"{JOB}/results.tsv", "a")

    def add(self, suite, case, version, verdict, seconds, reason=""):
        fields = [suite, case, version, verdict, f"{seconds:.1f}", reason]
        line = "\t".join(re.sub(r"[\t\n\r]+", " ", str(field)) for field in fields)
        self.file.write(line + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        if verdict != "ok":
            said(f"  {verdict}: {suite} / {case} on {version}: {reason[:2000]}")


class Suite:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).rsplit(".", 1)[0]
        head = {}
        with open(path) as lines:
            for line in lines:
                found = re.match(r"# ([a-z ]+): (.*)", line)
                if found:
                    head[found[1]] = found[2].strip()
                elif not line.startswith("#"):
                    break
        self.kind = head["kind"]
        self.versions = head["versions"].split()
        self.seconds = int(head["seconds"])
        self.may_say = head.get("kernel may say")
        self.sends = head.get("sends", "").split()
        self.waits_for = None if SETTINGS["named"] else head.get("waits for")


def run(command, directory, seconds, log, more=None):
    """Runs a program to its end or its time; what it said, its status, the seconds it took."""
    begin = time.monotonic()
    environment = dict(os.environ, PYTHONPATH=f"{JOB}/guest", PYTHONDONTWRITEBYTECODE="1", **(more or {}))
    with open(log, "w") as trouble, open(log + ".out", "w+") as out:
        child = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=trouble,
            env=environment, start_new_session=True,
        )
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            stacks(child.pid, trouble)
            os.killpg(child.pid, signal.SIGKILL)
            status = f"not done after {seconds} s"
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                status += ", and cannot be killed"
        out.seek(0)
        text = out.read()
    return text, status, time.monotonic() - begin


def stacks(group, log):
    """Where everybody of a process group hangs in the kernel."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(process)) == group:
                log.write(f"--- {open(f'/proc/{process}/cmdline').read()}\n")
                log.write(open(f"/proc/{process}/stack").read())
        except OSError:
            pass


def tail(path, size=1500):
    try:
        with open(path, errors="replace") as file:
            return file.read()[-size:]
    except OSError:
        return ""


def mount(directory, version, export="data", namespace=None, options=""):
    os.makedirs(directory, exist_ok=True)
    words = f"vers={version},proto=tcp,port={SETTINGS['port']},hard,timeo=600{options}"
    enter = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
    source = f"{SETTINGS['host']}:/{export}"
    subprocess.run(enter + ["mount", "-t", "nfs", "-o", words, source, directory], check=True, timeout=300)


def unmount(directory):
    subprocess.run(["umount", "-f", directory], timeout=300, check=False)


def cases(transcript):
    """The transcript in its cases, in order."""
    found, name = {}, "start"
    for line in transcript.splitlines():
        if line.startswith("== "):
            name = line[3:]
        found.setdefault(name, []).append(line)
    return found


def first_difference(expected, got):
    for number, (left, right) in enumerate(zip(expected, got)):
        if left != right:
            return f"line {number}: local says {left!r}, the mount {right!r}"
    longer, name = (expected, "local") if len(expected) > len(got) else (got, "the mount")
    return f"only {name} says {longer[min(len(expected), len(got))]!r}"


def compare(suite, version, base, results, expected):
    directory = f"{base}/{suite.name}.{version}"
    os.makedirs(directory)
    log = f"{JOB}/log/{suite.name}.{version}"
    other = directory.replace(A, B) if base == A else directory
    text, status, seconds = run([suite.path], directory, suite.seconds, log, {"OTHER": other})
    if expected is None:
        if status != 0:
            results.add(suite.name, "local run", "local", "FAILED", seconds, f"exit {status}: {tail(log)}")
        else:
            results.add(suite.name, "local run", "local", "ok", seconds)
        shutil.rmtree(directory, ignore_errors=True)
        return cases(text)
    got = cases(text)
    verdicts = []
    for name, lines in expected.items():
        if name not in got:
            verdicts.append((name, f"not reached; exit {status}: {tail(log)}"))
        elif got[name] != lines:
            verdicts.append((name, first_difference(lines, got[name]) + f"; exit {status}: {tail(log)}"))
        else:
            verdicts.append((name, ""))
    if status != 0:
        verdicts.append(("exit status", f"{status}: {tail(log)}"))
    for number, (name, reason) in enumerate(verdicts):
        verdict = "FAILED" if reason else "ok"
        # The time is that of the whole run; it stands with its first case.
        results.add(suite.name, name, version, verdict, seconds if number == 0 else 0, reason)
    shutil.rmtree(directory, ignore_errors=True)
    return expected


def scenario(suite, version, results, local=None):
    """local: of the guest's own file system, in place of both mounts and of the server's directory."""
    log = f"{JOB}/log/{suite.name}.{version}"
    directory = f"{local or A}/{suite.name}.{version}"
    os.makedirs(directory)
    more = {"VERSION": version, "WORK": os.path.basename(directory), "SETTINGS": json.dumps(SETTINGS)}
    if local:
        more.update(MOUNT_A=local, MOUNT_B=local, SELKIE_EXPORT=local)
    text, status, seconds = run([suite.path], "/", suite.seconds, log, more)
    number = 0
    for line in text.splitlines():
        passed = re.match(r"ok (.*)", line)
        failed = re.match(r"not ok ([^:]*): ?(.*)", line)
        if passed or failed:
            name, reason = (passed[1], "") if passed else (failed[1], failed[2] or "no reason given")
            verdict = "ok" if passed else "FAILED"
            results.add(suite.name, name, version, verdict, seconds if number == 0 else 0, reason)
            number += 1
    if status != 0 or number == 0:
        results.add(suite.name, "exit status", version, "FAILED", seconds, f"{status}: {tail(log)}")


def sent():
    """How often both clients together have sent each operation."""
    found = [counters(mount) for mount in (A, B)]
    return {name: sum(each.get(name, 0) for each in found) for name in found[0]}


class Server:
    """Selkie itself in the guest, on an XFS that can share blocks, where neither the host nor its file system matters."""

    PLAIN = "/export/plain"  # of the same file system, beside what is exported
    ADDRESS = "10.9.0.1"  # of the guest on a link between its two network namespaces

    def __init__(self):
        for command in (
            "ip link add link-a type veth peer name link-b netns b",
            f"ip addr add {self.ADDRESS}/24 dev link-a",
            "ip link set link-a up",
            "ip -n b addr add 10.9.0.2/24 dev link-b",
            "ip -n b link set link-b up",
            "mkfs.xfs -q -m reflink=1 /dev/vdc",
            "mount -o uquota /dev/vdc /export",
            f"mkdir -p {self.PLAIN} /export/data/inner /export/inner /export/readonly /export/squash /export/state /run/selkie",
            # Classes are read often, and from the host they come slowly.
            "cp -r /job/selkie /run/",
        ):
            subprocess.run(command.split(), check=True)
        os.environ["SELKIE_EXPORT"] = "/export/data"
        # Here users go by name, since both sides have the same; the client's kernel asks nfsidmap for them.
        with open("/etc/idmapd.conf", "w") as file:
            file.write(f"[General]\nDomain = {DOMAIN}\n[Mapping]\nNobody-User = nobody\nNobody-Group = nogroup\n")
        with open("/sys/module/nfs/parameters/nfs4_disable_idmapping", "w") as file:
            file.write("N")
        SETTINGS["host"] = self.ADDRESS
        with open("/run/selkie.yaml", "w") as file:
            file.write(SETTINGS["configuration"].replace("ADDRESS", self.ADDRESS))
            file.write(f"\nidentity:\n  owners: names\n  domain: {DOMAIN}\n")
        self.log = open(f"{JOB}/log/server", "w")
        self.process = subprocess.Popen(
            [f"{SETTINGS['java']}/bin/java", "@/run/selkie/jvm.options", "-Xmx512m", "-XX:TieredStopAtLevel=1",
             "-cp", SETTINGS["classPath"], "io.selkie.server.Main", "serve", "--config", "/run/selkie.yaml"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            if "selkie ready" in line:
                threading.Thread(target=self.follow, daemon=True).start()
                return
        raise RuntimeError("the server in the guest did not start: " + tail(f"{JOB}/log/server"))

    def follow(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()

    def end(self):
        self.process.terminate()
        return self.process.wait(300)


def kernel_words(since):
    lines = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace").stdout.splitlines()
    return lines[since:], len(lines)


def run_version(suites, version, results, expected):
    try:
        mount("/mnt/a", version)
        mount("/mnt/b", version, namespace="b")
    except (subprocess.SubprocessError, OSError) as trouble:
        for suite in suites:
            results.add(suite.name, "mount", version, "FAILED", 0, repr(trouble))
        return
    for suite in suites:
        said(f"  {suite.name} on {version}")
        _, before = kernel_words(0)
        begin = sent()
        try:
            if suite.kind == "compare":
                expected[suite.name] = compare(suite, version, "/mnt/a", results, expected.get(suite.name, {}))
            else:
                scenario(suite, version, results)
        except (subprocess.SubprocessError, OSError) as trouble:
            results.add(suite.name, "set-up", version, "FAILED", 0, repr(trouble))
        if suite.sends:
            end = sent()
            missing = [name for name in suite.sends if end.get(name, 0) <= begin.get(name, 0)]
            reason = f"never sent: {', '.join(missing)}" if missing else ""
            results.add(suite.name, "sends " + ", ".join(suite.sends), version, "FAILED" if missing else "ok", 0, reason)
        lines, _ = kernel_words(before)
        trouble = [line for line in lines if KERNEL_TROUBLE.search(line)]
        if suite.may_say:
            trouble = [line for line in trouble if not re.search(suite.may_say, line)]
        if trouble:
            results.add(suite.name, "kernel messages", version, "FAILED", 0, " | ".join(trouble[:5]))
    shutil.copy("/proc/self/mountstats", f"{JOB}/log/mountstats.{version}")
    unmount("/mnt/b")
    unmount("/mnt/a")


def main():
    os.makedirs(f"{JOB}/log", exist_ok=True)
    open(f"{JOB}/begun", "w").close()
    said(f"  guest is up: Linux {os.uname().release}, {open('/proc/uptime').read().split()[0]} s after its start")
    results = Results()
    suites = [Suite(f"{JOB}/suites/{name}") for name in SETTINGS["suites"]]
    for suite in suites:
        if suite.waits_for:
            for version in suite.versions:
                results.add(suite.name, "all", version, f"waits for {suite.waits_for}", 0)
    suites = [suite for suite in suites if not suite.waits_for]
    expected = {}
    server = None
    if "java" in SETTINGS and suites:
        server = Server()
        said(f"  the server in the guest is ready, {open('/proc/uptime').read().split()[0]} s after the start")
    for suite in suites:
        if suite.kind == "compare":
            said(f"  {suite.name} on local ext4")
            expected[suite.name] = compare(suite, "local", LOCAL, results, None)
        elif "local" in suite.versions:
            said(f"  {suite.name} on the local file system")
            scenario(suite, "local", results, LOCAL if server is None else server.PLAIN)
    versions = [v for v in ("4.1", "4.2") if any(v in suite.versions for suite in suites)]
    for version in versions:
        run_version([s for s in suites if version in s.versions], version, results, expected)
    if server is not None:
        status = server.end()
        if status not in (0, 143):
            results.add("server", "ends when it is told to", "-", "FAILED", 0, f"exit {status}")
    results.add("driver", "all suites were run", "-", "ok", time.monotonic())


if __name__ == "__main__":
    main()
