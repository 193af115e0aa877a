"""Feeds a part of a workbook to a handler, event by event, within bounds of depth, attributes and silence."""

from collections.abc import Iterator
from functools import lru_cache
from typing import IO, Protocol
from xml.parsers import expat

from backend.core.tabular.workbook.limits import ATTRIBUTES, DEPTH, SILENT_BYTES, SheetUnreadable

BLOCK = 65_536


class Handler(Protocol):
    """A handler of events; names come without their namespaces, of which there are two (transitional and strict)."""

    def start(self, name: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, name: str) -> None: ...


class _Bounded:
    """Counts the parser's events before the handler gets them."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.depth = 0
        self.events = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.events += 1
        self.depth += 1
        # expat stores every open element, so depth is memory.
        if self.depth > DEPTH or len(attributes) > ATTRIBUTES:
            raise SheetUnreadable("its elements are too deep or have too many attributes")
        self.handler.start(_local_name(name), attributes)

    def data(self, text: str) -> None:
        self.events += 1
        self.handler.data(text)

    def end(self, name: str) -> None:
        self.events += 1
        self.depth -= 1
        self.handler.end(_local_name(name))


def parsed(part: IO[bytes], handler: Handler) -> Iterator[None]:
    """Parse a part; comes back after each block, so that what was found can be used.

    Raises:
        SheetUnreadable: it goes beyond a bound, or has a document type: so there are no entities to expand.
        expat.ExpatError: it is no XML.
    """
    bounded = _Bounded(handler)
    parser = _create_parser(bounded)
    silent = 0
    while block := part.read(BLOCK):
        before = bounded.events
        parser.Parse(block, False)
        # expat 2.5 reads a long token again from its start with each block (CVE-2023-52425).
        silent = silent + len(block) if bounded.events == before else 0
        if silent > SILENT_BYTES:
            raise SheetUnreadable("a comment or an attribute of it is too long")
        yield
    parser.Parse(b"", True)
    yield


def _create_parser(bounded: _Bounded) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.StartElementHandler = bounded.start
    parser.CharacterDataHandler = bounded.data
    parser.EndElementHandler = bounded.end
    return parser


@lru_cache(64)
def _local_name(name: str) -> str:
    return name.rpartition(" ")[2]


def _no_document_type(*_: object) -> None:
    raise SheetUnreadable("no workbook has a document type")
