"""Forms with one file (multipart/form-data, RFC 7578): the one place that reads them, within bounds.

The framework's own reader decodes a text with whatever codec its sender names, and some of Python's are quadratic:
300 KB of `charset=punycode` blocked a process for 20 seconds. Here a text is short and UTF-8.
"""

from typing import Protocol

from litestar.exceptions import ValidationException
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from backend.core.http.requests import HTTPRequest

FILE = "file"
MULTIPART = "multipart/form-data"
# A moment with its zone has 35 bytes.
TEXT_BYTES = 100
PARTS = 4
# RFC 7578 knows three headers. A file's name of 255 letters, escaped, has 2.3 KB.
HEADERS, HEADER_BYTES = 4, 4096
BOUNDARY_BYTES = 70  # RFC 2046, 5.1.1
UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})


class Target(Protocol):
    """Where the bytes of the file go as they come in."""

    async def write(self, chunk: bytes) -> None:
        """Append the next bytes."""


class Memory:
    """A file that is held in memory; the route has a limit for its size."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def content(self) -> bytes:
        return b"".join(self.chunks)


async def read(request: HTTPRequest, target: Target, texts: frozenset[str] = frozenset()) -> dict[str, str]:
    """Read a form: its file goes into `target`, its short texts are returned by name.

    Raises:
        ValidationException: it is no form, has no file or several, an unknown field or one that is not UTF-8, or is
        over a bound.
    """
    form = _Form(target, texts)
    try:
        with _create_parser(request) as parser:
            # The whole body is read even when the form ended before it: an earlier response cuts the connection.
            async for chunk in request.stream():
                for event in parser.parse(chunk) if chunk and not parser.closed else ():
                    await form.take(event)
    except ParserLimitReached as error:
        raise refused(f"This form is over a bound: {error}.") from error
    except MultipartError as error:
        raise refused(f"This is not a form: {error}.") from error
    if not form.has_file:
        raise refused("Send one file in the field `file`.")
    return form.found


def refused(message: str, field: str = FILE) -> ValidationException:
    """What is wrong with a form, as a refusal that names the field."""
    return ValidationException(extra=[{"key": field, "message": message}])


def _create_parser(request: HTTPRequest) -> PushMultipartParser:
    media, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary", "")
    if media != MULTIPART or not 0 < len(boundary) <= BOUNDARY_BYTES or not boundary.isascii():
        raise refused(f"Send {MULTIPART} with a boundary of at most {BOUNDARY_BYTES} characters.")
    return PushMultipartParser(
        boundary, max_segment_count=PARTS, max_header_count=HEADERS, max_header_size=HEADER_BYTES
    )


class _Form:
    """What of a form has come in so far."""

    def __init__(self, target: Target, texts: frozenset[str]) -> None:
        self.target = target
        self.texts = texts
        self.found: dict[str, str] = {}
        self.has_file = False
        self.name = ""
        self.text: bytearray | None = None  # None while the part is the file

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        """The parser's next event: a part begins, some of its bytes, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin_part(event)
        elif event is None:
            self._end_part()
        elif self.text is None:
            await self.target.write(bytes(event))
        else:
            self.text += event
            if len(self.text) > TEXT_BYTES:
                raise refused(f"A text has at most {TEXT_BYTES} bytes.", self.name)

    def _begin_part(self, part: MultipartSegment) -> None:
        self.name = part.name or ""
        is_file = bool(part.filename)
        known = self.name == FILE if is_file else self.name in self.texts
        if not known or (self.has_file if is_file else self.name in self.found):
            raise refused("Send one file in the field `file`, and each text once.", self.name[:TEXT_BYTES])
        if not is_file and (part.charset or "").lower() not in UTF8:
            raise refused("Send texts in UTF-8.", self.name)
        self.has_file |= is_file
        self.text = None if is_file else bytearray()

    def _end_part(self) -> None:
        if self.text is None:
            return
        try:
            self.found[self.name] = self.text.decode()
        except UnicodeDecodeError as error:
            raise refused("Send texts in UTF-8.", self.name) from error
