"""What texts ask of the database, and what is to be recorded of them: reading first, rules afterwards."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from backend.packages import service as packages
from backend.packages.service import Lookup, Unread
from backend.packages.units import UNLISTED
from backend.programmes import awards
from backend.programmes.offers import Books
from backend.programmes.rules import Facts, Way, decide
from backend.receipts.sending import Sent
from backend.scans import receipts
from backend.scans.outcomes import Incoming, Record
from backend.settings import Settings
from scanning.payload import Payload

# What a kind that has no feature yet says next; the later features take these lines out.
ELSEWHERE = "elsewhere"  # a receipt: its own room says what became of it
UNSERVED = {"promo": "show_at_till", "certificate": "show_at_till"}


def read(settings: Settings, texts: Sequence[Incoming]) -> list[Lookup | Unread]:
    """What each text asks of the database, or why it is refused already."""
    found: list[Lookup | Unread | None] = [None] * len(texts)
    computed = [(place, row.payload.value) for place, row in enumerate(texts) if row.payload.kind == "package"]
    many = packages.read_many(settings, computed) if len(computed) > 1 else [
        packages.read_package(settings, place, value) for place, value in computed
    ]  # fmt: skip
    for (place, _), row in zip(computed, many, strict=True):
        found[place] = row
    return [row or _read_other(settings, place, texts[place].payload) for place, row in enumerate(found)]


def _read_other(settings: Settings, place: int, found: Payload) -> Lookup | Unread:
    if not found.value:
        return Unread("nothing_found")
    if found.kind == "receipt":
        return Unread(ELSEWHERE)
    if found.kind == "marking":
        return packages.read_marking(place, found.value)
    if found.kind in UNSERVED:
        return Unread(UNSERVED[found.kind])
    return packages.read_foreign(settings, place, found.value)


async def records(
    books: Books,
    texts: Sequence[Incoming],
    read: Sequence[Lookup | Unread],
    found: dict[int, Any],
    sent: dict[int, Sent],
    now: datetime,
) -> tuple[list[Record], set[int]]:
    """What to record for each text, and the programmes whose rules were used."""
    made, programmes = [], set()
    for place, (incoming_text, asked) in enumerate(zip(texts, read, strict=True)):
        row = found.get(place)
        record = Record(
            place, incoming_text.id, incoming_text.n, incoming_text.digest.hex(), incoming_text.payload.kind
        )
        made.append(record)
        if place in sent:
            made[-1] = msgspec.structs.replace(record, **receipts.references(sent[place]))
            continue
        if isinstance(asked, Unread) or row is None:
            record.reason = asked.reason if isinstance(asked, Unread) else "unknown_code"
            continue
        record.cause, record.cause_id, record.reason = row.cause, row.cause_id, row.reason
        if asked.digest is not None and row.cause is None:
            record.reason = "unknown"
        elif asked.digest is not None:
            record.kind = "package"
        if record.reason in (None, UNLISTED):
            programmes.add(row.programme_id)
            await _price(books, record, row, asked, now)
    return made, programmes


async def _price(books: Books, record: Record, row: Any, asked: Lookup, now: datetime) -> None:
    """Ask the rules what a found code earns."""
    book = await books.get(row.programme_id, row.rules_version)
    way: Way = "marking" if asked.gtin else "package"
    facts = Facts(way, row.product_id, row.price, now, listed=row.reason is None)
    decision = decide(book.offers, facts, book.timezone)
    if decision is None:
        record.reason = row.reason or "no_campaign"
        return
    record.reason = None
    record.slot, record.serial = asked.slot, asked.serial
    record.brand, record.product = row.brand_id, row.product_id
    for name, value in awards.fields(book, decision).items():
        setattr(record, name, value)
