"""The neutral receipt: what any provider's answer becomes before a rule looks at it."""

from datetime import date, datetime

import msgspec

from scanning.document_fields import DocumentUnreadable
from scanning.document_lines import Line

__all__ = ["Correction", "Document", "DocumentUnreadable", "Line", "read", "read_many"]


class Correction(msgspec.Struct, frozen=True):
    """What a correction document says it corrects; every part may be missing."""

    by_order: bool | None  # tag 1173: the tax service ordered it, or the shop did it of its own accord
    day: date | None  # tag 1178: the day of the deed that is corrected
    number: str  # tag 1179: of the order; "" if none
    fp: int | None  # tag 1192: the fiscal sign of the wrong receipt


class Document(msgspec.Struct, frozen=True):
    """A fiscal document without personal data. Amounts are kopecks, the time is the wall time of the shop."""

    fn: str
    fd: int
    fp: int
    at: datetime  # naive, never converted
    time_source: str  # "iso", "iso_zoned", "local", "unix_moscow", "unix_utc_wall" or "qr": where the time came from
    kind: int  # 3 receipt, 4 strict form, 31 and 41 their corrections
    operation: int  # 1 sale, 2 sale return, 3 purchase, 4 purchase return
    total: int
    prepaid: int
    credit: int
    seller_inn: str | None
    seller: str  # the name of an organisation; "" for a sole trader, whose name is personal data
    place: str
    address: str
    kkt: str
    region: str | None
    marketplace: bool
    corrects: Correction | None
    lines: tuple[Line, ...]
    warnings: tuple[str, ...]


def read(raw: object) -> Document:
    """The one receipt in a provider's decoded JSON. Raises DocumentUnreadable."""
    documents = read_many(raw)
    if len(documents) != 1:
        raise DocumentUnreadable("several_receipts", f"{len(documents)} receipts where one was asked for")
    return documents[0]


def read_many(raw: object) -> list[Document]:
    """Every receipt in a provider's decoded JSON, such as an export. Raises DocumentUnreadable."""
    raise DocumentUnreadable("no_receipt")
