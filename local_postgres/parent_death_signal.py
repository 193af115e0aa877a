"""Child processes that end when their parent ends, even if it is killed with SIGKILL."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # prctl(2)

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# Where the kernel has no such signal, a shell polls once a second: $1 the parent, $2 the child, $3 the signal.
WATCH = 'while kill -0 "$1" && kill -0 "$2"; do sleep 1; done 2>/dev/null; kill -s "$3" "$2" 2>/dev/null'


def request_parent_death_signal(parent: int, sign: signal.Signals) -> None:
    """Request that the kernel sends `sign` to this process when its parent dies (Linux only).

    The kernel watches the thread that forked, so only a main thread may start such a process. It drops the request
    when the process changes its user, so it must be made after that. See prctl(2).
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
    if os.getppid() != parent:  # it died before the request
        os._exit(1)


def signal_on_parent_death(sign: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for subprocess: the child gets `sign` when the caller dies."""
    parent = os.getpid()
    return lambda: request_parent_death_signal(parent, sign)


def watch_if_unsupported(child: int, sign: signal.Signals) -> None:
    """Start a watcher where the kernel has no parent-death signal (macOS). Does nothing on Linux."""
    if _libc is None:
        start_watcher(os.getpid(), child, sign)


def start_watcher(parent: int, child: int, sign: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the shell that watches both processes; it ends when one of them ends."""
    arguments = [str(parent), str(child), sign.name.removeprefix("SIG")]
    return subprocess.Popen(["/bin/sh", "-c", WATCH, "sh", *arguments], start_new_session=True)
