"""Reads scanned package codes with the key of their slot, for the look-up of their batch."""

from collections.abc import Sequence

import msgspec

from backend.core.keyring import Keyring
from backend.core.security import digests
from backend.core.settings import Settings
from backend.earning.packages.slot_keys import key_of
from scanning.codes import gs1, package, symbols
from scanning.problem import NotIssued, Problem, TypingError


class CodeLookup(msgspec.Struct, omit_defaults=True):
    """The look-up of one code in the database; see packages_find."""

    n: int
    slot: int | None = None
    serial: int | None = None
    digest: str | None = None
    older: str | None = None  # the hash by the folding of earlier releases, if it differs
    gtin: str | None = None
    unit: str | None = None
    others: tuple[str, ...] | None = None  # further serials that the text may mean
    word: str | None = None  # the promo code that the text may be; for scans_look


class RefusedCode(msgspec.Struct, frozen=True):
    """A code that is refused without a look-up, and the reason."""

    reason: str
    slot: int | None = None


def printed_code(settings: Settings, cause_id: int) -> str:
    """The printed form of the package code with this cause_id: slot and serial in one number."""
    slot, serial = divmod(cause_id, package.SERIALS)
    return package.grouped(package.encode(key_of(settings, slot), slot, serial))


def read_package(settings: Settings, n: int, text: str) -> CodeLookup | RefusedCode:
    """Decipher a computed code. Pure arithmetic: a made-up code never reaches the database."""
    try:
        code = package.check(text)
        found = package.decode(key_of(settings, package.slot_of(code)), code)
    except TypingError:
        return RefusedCode("typing_error")
    except NotIssued:
        return RefusedCode("unknown_code", package.slot_of(symbols.fold(text)))
    return CodeLookup(n, slot=found.slot, serial=found.serial)


def read_marking(n: int, text: str) -> CodeLookup | RefusedCode:
    """Parse a marking code: GTIN and serial are the key."""
    try:
        first, *others = gs1.read_markings(text)
    except Problem:
        return RefusedCode("unreadable")
    serials = tuple(other.serial for other in others if other.gtin == first.gtin)
    return CodeLookup(n, gtin=first.gtin, unit=first.serial, others=serials or None)


def read_listed_code(settings: Settings, n: int, text: str) -> CodeLookup:
    """The look-up of a text that may be a code printed elsewhere, by its keyed hash."""
    now, older = listed_code_digests(settings.peppers, text), older_code_digests(settings.peppers, text)
    return CodeLookup(n, digest=_join_hashes(now), older=_join_hashes(older) if older != now else None)


def _join_hashes(hashes: list[bytes]) -> str:
    """Hashes under each pepper in the format of packages_find."""
    return ",".join(digest.hex() for digest in hashes)


def listed_code_digests(peppers: Keyring, text: str) -> list[bytes]:
    """The keyed hashes of a code printed elsewhere, under each pepper; the database has the one in use. They are the
    same for all spellings that `symbols.fold` unifies."""
    return digests.chain(peppers, digests.LISTED_CODES, symbols.fold(text).encode("utf-8", "replace"))


def older_code_digests(peppers: Keyring, text: str) -> list[bytes]:
    """The keyed hashes as in lists from before `symbols.fold` handled quotes, marks, Ё and Greek."""
    return digests.chain(peppers, digests.LISTED_CODES, symbols.fold_v1(text).encode("utf-8", "replace"))


def read_packages(settings: Settings, texts: Sequence[tuple[int, str]]) -> list[CodeLookup | RefusedCode]:
    """Decipher many computed codes; those of one slot in one call."""
    by_slot: dict[int, list[tuple[int, str]]] = {}
    found: list[CodeLookup | RefusedCode] = []
    for _, text in texts:
        try:
            code = package.check(text)
        except TypingError:
            found.append(RefusedCode("typing_error"))
            continue
        by_slot.setdefault(package.slot_of(code), []).append((len(found), code))
        found.append(RefusedCode("unknown_code", package.slot_of(code)))
    for slot, rows in by_slot.items():
        codes = package.decode_many(key_of(settings, slot), [code for _, code in rows])
        for (place, _), opened in zip(rows, codes, strict=True):
            if opened is not None:
                found[place] = CodeLookup(texts[place][0], slot=opened.slot, serial=opened.serial)
    return found
