"""The CSV of a batch: `position,code,grouped,url` in UTF-8 (RFC 4180)."""

import csv
import io
from collections.abc import Iterable

from backend.packages.labels.design import Label
from scanning import package

HEADER = ("position", "code", "grouped", "url")


def header() -> bytes:
    """The first line of a file."""
    return _written([HEADER])


def block(labels: Iterable[Label]) -> bytes:
    """Lines of some labels, each closed by CR LF."""
    return _written((label.serial_no, label.code, package.grouped(label.code), label.url) for label in labels)


def _written(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
