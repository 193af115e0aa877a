"""What a scanned package code is: reading it with the slot's key, and finding its batch."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from backend.settings import Settings
from scanning import gs1, package, symbols
from scanning.problem import NotIssued, Problem, TypingError


class Lookup(msgspec.Struct, omit_defaults=True):
    """What the database is asked about one code; see packages_find."""

    n: int
    slot: int | None = None
    serial: int | None = None
    digest: str | None = None
    gtin: str | None = None
    unit: str | None = None


class Unread(msgspec.Struct, frozen=True):
    """A code that needs no look-up to be refused, and why."""

    reason: str
    slot: int | None = None


@lru_cache(maxsize=2048)
def slot_key(master: bytes, slot: int) -> bytes:
    """A slot's key, remembered: deriving it costs as much as reading a code."""
    return package.slot_key(master, slot)


def read_package(settings: Settings, n: int, text: str) -> Lookup | Unread:
    """Read a computed code. Pure arithmetic: a made-up code never reaches a table."""
    try:
        code = package.check(text)
        found = package.decode(slot_key(settings.master_key, package.slot_of(code)), code)
    except TypingError:
        return Unread("typing_error")
    except NotIssued:
        return Unread("unknown_code", package.slot_of(symbols.fold(text)))
    return Lookup(n, slot=found.slot, serial=found.serial)


def read_marking(n: int, text: str) -> Lookup | Unread:
    """Read a code of state marking: GTIN and serial are the key."""
    try:
        marking = gs1.read_marking(text)
    except Problem:
        return Unread("unreadable")
    return Lookup(n, gtin=marking.gtin, unit=marking.serial)


def read_foreign(settings: Settings, n: int, text: str) -> Lookup:
    """A text that may be a code printed elsewhere: only its keyed hash is looked up."""
    return Lookup(n, digest=foreign_digest(settings.pepper, text).hex())


def foreign_digest(pepper: bytes, text: str) -> bytes:
    """The keyed hash of a code printed elsewhere; case, blanks, dashes and Cyrillic look-alikes do not matter."""
    folded = symbols.fold(text)
    return hmac.digest(pepper, b"code:" + folded.encode("utf-8", "replace"), hashlib.sha256)[:16]


def read_many(settings: Settings, texts: Sequence[tuple[int, str]]) -> list[Lookup | Unread]:
    """Read many computed codes; those of one slot are deciphered together."""
    by_slot: dict[int, list[tuple[int, str]]] = {}
    found: list[Lookup | Unread] = []
    for _, text in texts:
        try:
            code = package.check(text)
        except TypingError:
            found.append(Unread("typing_error"))
            continue
        by_slot.setdefault(package.slot_of(code), []).append((len(found), code))
        found.append(Unread("unknown_code", package.slot_of(code)))
    for slot, rows in by_slot.items():
        codes = package.decode_many(slot_key(settings.master_key, slot), [code for _, code in rows])
        for (place, _), opened in zip(rows, codes, strict=True):
            if opened is not None:
                found[place] = Lookup(texts[place][0], slot=opened.slot, serial=opened.serial)
    return found
