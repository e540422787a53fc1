"""Does what the other guest says: a line is a command for sh, the answer its exit status, its length and its words."""
import os
import signal
import socket
import subprocess
import sys

# Less than who asks waits for an answer. What takes longer hangs, and says where.
SECONDS_MAX = 90
WHERE = """
mount -t debugfs none /sys/kernel/debug 2> /dev/null
echo w > /proc/sysrq-trigger
grep -s . /sys/kernel/debug/sunrpc/rpc_clnt/*/tasks
grep -E 'pnfs|LAYOUT|OPEN|DELEG|COMMIT' /proc/self/mountstats
dmesg | tail -n 120
"""


def run(command):
    child = subprocess.Popen(
        ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True)
    try:
        words, _ = child.communicate(timeout=SECONDS_MAX)
        return child.returncode, words
    except subprocess.TimeoutExpired:
        where = subprocess.run(["sh", "-c", WHERE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        # Not waited for: what hangs in the kernel cannot be killed.
        os.killpg(child.pid, signal.SIGKILL)
        return 124, b"not done in %d s\n" % SECONDS_MAX + where.stdout


def main():
    # It listened before it had this machine started.
    link = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60)
    link.settimeout(None)
    with link, link.makefile("rb") as lines:
        for line in lines:
            status, words = run(line.decode())
            link.sendall(b"%d %d\n" % (status, len(words)) + words)


main()
