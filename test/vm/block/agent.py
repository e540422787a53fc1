"""Does what the other guest says: a line is a command for sh, the answer its exit status, its length and its words."""
import socket
import subprocess
import sys


def main():
    # It listened before it had this machine started.
    link = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60)
    link.settimeout(None)
    with link, link.makefile("rb") as lines:
        for line in lines:
            done = subprocess.run(
                ["sh", "-c", line.decode()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, check=False)
            link.sendall(b"%d %d\n" % (done.returncode, len(done.stdout)) + done.stdout)


main()
