"""Processes that must not outlive the one that started them, even when it is killed outright."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2)

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# Where the kernel offers nothing, a shell looks once a second: $1 the parent, $2 the child, $3 the signal.
WATCH = 'while kill -0 "$1" && kill -0 "$2"; do sleep 1; done 2>/dev/null; kill -s "$3" "$2" 2>/dev/null'


def follow(parent: int, sign: signal.Signals) -> None:
    """Have this process sent `sign` when its parent dies.

    The kernel counts the death of the thread that forked, so only a main thread may start such a process; and
    it forgets the wish when the process changes its user, so it must be made after that. prctl(2).
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
    if os.getppid() != parent:  # it died before the wish was made
        os._exit(1)


def leash(sign: signal.Signals) -> Callable[[], None]:
    """What subprocess runs in the child before exec (`preexec_fn`), so that it follows the caller."""
    parent = os.getpid()
    return lambda: follow(parent, sign)


def watch(child: int, sign: signal.Signals) -> None:
    """Do the same from outside, where the kernel has no such wish (macOS); nothing on Linux."""
    if _libc is None:
        start_watcher(os.getpid(), child, sign)


def start_watcher(parent: int, child: int, sign: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the shell that looks; it ends with either of the two."""
    arguments = [str(parent), str(child), sign.name.removeprefix("SIG")]
    return subprocess.Popen(["/bin/sh", "-c", WATCH, "sh", *arguments], start_new_session=True)
