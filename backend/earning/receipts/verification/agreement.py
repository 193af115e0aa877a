"""Compares a provider's document with the receipt that was sent."""

from datetime import datetime, timedelta
from typing import Protocol

from scanning.receipts.document import Document

TIME_TOLERANCE = timedelta(minutes=5)  # tills round times, and their clocks are off
CORRECTIONS = (31, 41)


class Requisites(Protocol):
    """The contents of a receipt's QR code: the row of a receipt that was sent."""

    @property
    def identity(self) -> str: ...
    @property
    def fp(self) -> int | None: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def total(self) -> int | None: ...
    @property
    def operation(self) -> int | None: ...


def mismatch_reason(row: Requisites, document: Document) -> str | None:
    """Why a document is not that of the receipt that was sent, or pays nothing; None if it is and pays."""
    if row.identity != f"{document.fn}:{document.fd}" or differing_fields(row, document):
        return "differs"
    if document.operation in (3, 4):
        return "not_a_purchase"
    return "is_correction" if document.kind in CORRECTIONS and document.operation == 1 else None


def differing_fields(row: Requisites, document: Document) -> list[str]:
    """The fields that differ from the document.

    With a wrong fiscal sign no other field is revealed: the sign proves that the sender has the paper.
    """
    if row.fp != document.fp:
        return ["fp"]
    same = {
        "at": is_same_time(row.at, document),
        "total": row.total == document.total,
        "operation": row.operation == document.operation,
    }
    return [name for name, is_same in same.items() if not is_same]


def is_same_time(shown: datetime | None, document: Document) -> bool:
    """Whether both times are equal: some sources put the wall time into a wrong zone, off by whole hours."""
    if shown is None:
        return False
    difference = abs(shown - document.at)
    if document.time_source.startswith(("unix", "iso_zoned")):
        difference = (
            min(difference % timedelta(hours=1), -difference % timedelta(hours=1))
            if difference < timedelta(hours=13)
            else difference
        )
    return difference <= TIME_TOLERANCE
