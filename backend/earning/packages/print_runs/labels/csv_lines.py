"""The CSV of a batch: `position,code,grouped,url` in UTF-8 (RFC 4180)."""

import csv
import io
from collections.abc import Iterable

from backend.earning.packages.print_runs.labels.label_design import Label
from scanning.codes import package

HEADER = ("position", "code", "grouped", "url")


def header_line() -> bytes:
    """The first line of a file."""
    return _encode_rows([HEADER])


def code_lines(labels: Iterable[Label]) -> bytes:
    """The lines of labels, each with CR LF at its end."""
    return _encode_rows((label.serial_no, label.code, package.grouped(label.code), label.url) for label in labels)


def _encode_rows(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
