"""What processes have in common that open files which may attack the libraries that read them.

The parent starts one with `environment()` and exchanges frames with it over two pipes. The process loads what it needs
while files can still be opened, then calls `confine`: limited memory, no new file or socket.
"""

import ctypes
import os
import signal
import sys
from typing import BinaryIO

if sys.platform != "win32":
    import resource

LENGTH_BYTES = 4  # before the body of a frame
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
# Inherited by the process, and no other variable: no database address, no key.
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONDONTWRITEBYTECODE", "SYSTEMROOT")


def environment() -> dict[str, str]:
    """The environment in which a child imports the same modules as its parent."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    path = os.pathsep.join(place for place in sys.path if place)
    return inherited | {"PYTHONPATH": path, "MALLOC_ARENA_MAX": "2"}


def open_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes from and to the parent. What a library prints goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its children
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return os.fdopen(0, "rb"), sink


def framed(body: bytes) -> bytes:
    """A body with its length before it."""
    return len(body).to_bytes(LENGTH_BYTES) + body


def read_frame(source: BinaryIO) -> bytes | None:
    """The body of the next frame; None at the end of the stream."""
    head = source.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head)
    body = source.read(length)
    return body if len(body) == length else None


def confine(memory_bytes: int, niceness: int = 0) -> None:
    """Limit this process for the rest of its life; `memory_bytes` of address space, 0 for no limit."""
    if sys.platform == "win32":
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if memory_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # files that are open stay open


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends, even while it is busy."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
