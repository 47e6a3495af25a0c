"""Become a target's program, one that the kernel ends when its parent is gone, however it went.

Run as a file, `child.py PARENT_PID PROGRAM ARGUMENTS...`: the request has to be made in the child, and making it
between fork and exec is not safe in a parent that has threads. Linux only; elsewhere the end of its input must do.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):  # it went before the request was made
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - a command that an admin entered


if __name__ == "__main__":
    main()
