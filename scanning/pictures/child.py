"""The process that opens pictures: `python -m scanning.pictures.child`, pictures on stdin, results on stdout.

A hostile picture may take over the library that opens it, so this process has few rights: limited memory and time,
no new file or socket, and nothing of the web process but the two pipes. It exits when stdin ends.
"""

import io
import sys
import time
import unicodedata  # urllib imports it late, when no file can be opened any more
from typing import BinaryIO

import msgspec
import numpy as np
from PIL import Image

from scanning.child_process import confine, end_with_parent, framed, open_pipes, read_frame
from scanning.pictures import decode, photo, scan
from scanning.pictures.header import Limits
from scanning.pictures.messages import Answer, Found, Hello, Photo, Read, Request, Setup, refusal
from scanning.problem import PictureUnreadable, Problem

if sys.platform != "win32":
    import resource

_SPARE_SECONDS = 3


def main() -> None:
    """Read requests from stdin and answer them until it ends."""
    source, sink = open_pipes()
    first = read_frame(source)
    if first is None:
        return
    setup = msgspec.msgpack.decode(first, type=Setup)
    _warm_up()
    end_with_parent()
    confine(setup.memory_bytes, setup.niceness)
    _send_message(sink, Hello(decode.live_engines()))
    while (frame := read_frame(source)) is not None:
        request = msgspec.msgpack.decode(frame, type=Request)
        _renew_time(request.seconds)
        _send_message(sink, _answer_request(request, setup.limits))


def _answer_request(request: Request, limits: Limits) -> Answer:
    ends, begun = time.monotonic() + request.seconds, time.process_time()
    try:
        if isinstance(request, Read):
            symbols = scan.read(request.picture, limits, lambda: time.monotonic() < ends)
            return Found(symbols, time.process_time() - begun)
        jpeg = photo.clean(request.picture, limits)
        return Photo(jpeg, time.process_time() - begun)
    except Problem as problem:
        return refusal(problem, time.process_time() - begun)
    except MemoryError:
        return refusal(PictureUnreadable("the picture takes too much memory"), time.process_time() - begun)


def _send_message(sink: BinaryIO, message: Hello | Answer) -> None:
    sink.write(framed(msgspec.msgpack.encode(message)))
    sink.flush()


def _warm_up() -> None:
    """Load what libraries load at first use, while files can still be opened."""
    unicodedata.normalize("NFKC", "")
    Image.init()
    for format_ in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "PDF"):
        blank = io.BytesIO()
        Image.fromarray(np.full((64, 64), 255, np.uint8)).save(blank, format_)
        scan.read(blank.getvalue())
        photo.clean(blank.getvalue())
    decode.text_of(b"\xff\x98")


def _renew_time(seconds: float) -> None:
    """Limit the processor time from now on: the kernel kills this process even if its parent cannot."""
    if sys.platform != "win32":
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + _SPARE_SECONDS, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
