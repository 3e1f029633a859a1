"""Run a program that dies with the process that started it: `python -m newsmill.tether …`.

    python -m newsmill.tether PARENT_PID NICENESS PROGRAM ARGUMENT…

It asks the kernel to be killed when its parent is gone, lowers its own priority, and turns into
the program; both last. In a program of its own and not in `preexec_fn`, which is unsafe in a
process with threads. Where the kernel cannot do it (it is Linux' prctl), only the priority is set.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(command: list[str], *, niceness: int = 0) -> list[str]:
    """Return the command that runs `command` bound to the life of the calling process.

    The bond is to the calling *thread*, so start it from one that lives as long as the program.
    """
    return [
        *(sys.executable, "-m", "newsmill.tether"),
        *(str(os.getpid()), str(niceness)),
        *command,
    ]


def main() -> None:
    """Bind this process to its parent and become the program named on the command line."""
    parent, niceness, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the parent is gone already")
    os.nice(int(niceness))
    os.execv(command[0], command)  # noqa: S606  # No shell: that is wanted.


if __name__ == "__main__":
    main()
