"""The process that opens pictures: `python -m scanning.child`, pictures on stdin, codes or clean photos on stdout.

A picture can do anything to the library that opens it, so this process has little to lose: limited memory and
time, no file or socket to open, and nothing of the web process but the two pipes. When stdin ends, so does it.
"""

import ctypes
import io
import os
import signal
import sys
import time
import unicodedata  # urllib imports it late, when no file can be opened any more
from typing import BinaryIO

import msgspec
import numpy as np
from PIL import Image

from scanning import decode, photo, scan
from scanning.messages import LENGTH_BYTES, Answer, Found, Hello, Photo, Read, Request, Setup, framed, refusal
from scanning.problem import PictureUnreadable, Problem

if sys.platform != "win32":
    import resource

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_SPARE_SECONDS = 3


def main() -> None:
    """Serve pictures until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the web process, which then ends us
    source, sink = os.fdopen(0, "rb"), _only_output()
    first = _receive(source)
    if first is None:
        return
    setup = msgspec.msgpack.decode(first, type=Setup)
    _warm_up()
    _confine(setup.memory_bytes)
    _send(sink, Hello(decode.live_engines()))
    while (asked := _receive(source)) is not None:
        _renew_time(setup.seconds)
        _send(sink, _answer(msgspec.msgpack.decode(asked, type=Request), setup))


def _answer(request: Request, setup: Setup) -> Answer:
    ends = time.monotonic() + setup.seconds
    try:
        if isinstance(request, Read):
            return Found(scan.read(request.picture, setup.limits, lambda: time.monotonic() < ends))
        return Photo(photo.clean(request.picture, setup.limits))
    except Problem as problem:
        return refusal(problem)
    except MemoryError:
        return refusal(PictureUnreadable("the picture takes too much memory"))


def _only_output() -> BinaryIO:
    """The pipe to the web process. Whatever a library prints goes to stderr instead."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sink


def _receive(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head)
    body = source.read(length)
    return body if len(body) == length else None


def _send(sink: BinaryIO, message: Hello | Answer) -> None:
    sink.write(framed(msgspec.msgpack.encode(message)))
    sink.flush()


def _warm_up() -> None:
    """Load all that is loaded at first use, while files can still be opened."""
    unicodedata.normalize("NFKC", "")
    Image.init()
    for format_ in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "PDF"):
        blank = io.BytesIO()
        Image.fromarray(np.full((64, 64), 255, np.uint8)).save(blank, format_)
        scan.read(blank.getvalue())
        photo.clean(blank.getvalue())
    decode.text_of(b"\xff\x98")


def _confine(memory_bytes: int) -> None:
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should the web process be killed while we are busy
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if memory_bytes:
            resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # what is open stays open


def _renew_time(seconds: float) -> None:
    """Allow so much processor time from now on, and no more: the kernel ends us even if nobody else can."""
    if sys.platform != "win32":
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + _SPARE_SECONDS, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
