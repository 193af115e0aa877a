"""The lines of an uploaded text, whatever ends them."""

import io
import re
from typing import IO

from backend.core.tabular.encodings import BLOCK

# VT, FF, NEL, LS and PS, with which a few programs end lines.
_UNUSUAL = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_AS_LINE_FEED = dict.fromkeys(map(ord, "\x0b\x0c\x85\u2028\u2029"), "\n")


class LineReader:
    """Reads a file line by line. Lines end with CR, LF or both; with an unusual sign only if nearly all do."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        errors = "strict" if encoding.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        start = self._text.read(BLOCK)
        self._is_unusual = len(_UNUSUAL.findall(start)) > len(re.findall("[\r\n]", start))
        self._rest = ""
        self._text.seek(0)

    def readline(self, size: int) -> str:
        """The next line, or so many characters of it; "" at the end."""
        if not self._is_unusual:
            return self._text.readline(size)
        while "\n" not in self._rest and len(self._rest) < size and (block := self._text.read(BLOCK)):
            self._rest += block.translate(_AS_LINE_FEED)
        end = min(self._rest.find("\n") + 1 or len(self._rest), size)
        line, self._rest = self._rest[:end], self._rest[end:]
        return line

    def close(self) -> None:
        """Let go of the file without closing it."""
        self._text.detach()
