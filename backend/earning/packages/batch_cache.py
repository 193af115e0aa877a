"""A cache of the batches that serials belong to. That never changes, so a process saves the look-up."""

from bisect import bisect_right, insort
from typing import Any

import msgspec

MAX_SPANS = 10_000


class CachedCode(msgspec.Struct, frozen=True):
    """The row of packages_find for a computed code, without its state, which is checked when it is credited.

    The price is the one of `rules_version`, which scans_record_v2 compares.
    """

    n: int
    cause: int
    cause_id: int
    brand_id: int
    programme_id: int
    rules_version: int
    product_id: int
    price: int | None
    reason: str | None = None


class BatchCache:
    """A cache in this process of spans of serials, each of one batch."""

    def __init__(self) -> None:
        self._spans: dict[int, list[tuple[int, int, CachedCode]]] = {}
        self._count = 0

    def find(self, n: int, slot: int, serial: int) -> CachedCode | None:
        """The code, if its span is in the cache; see CachedCode for what is left out."""
        spans = self._spans.get(slot, ())
        place = bisect_right(spans, serial, key=_first) - 1
        if place < 0 or spans[place][1] < serial:
            return None
        return msgspec.structs.replace(spans[place][2], n=n, cause_id=slot << 37 | serial)

    def add(self, slot: int, row: Any) -> None:
        """Add the span of an issued code; a full cache is emptied first.

        Revoked spans and those not yet active are added, too: the state is checked when a code is credited, and the
        response time must not reveal it.
        """
        if row.first_serial is None:
            return
        if self._count >= MAX_SPANS:
            self._spans, self._count = {}, 0
        cached = CachedCode(**{name: getattr(row, name) for name in CachedCode.__struct_fields__ if name != "reason"})
        spans = self._spans.setdefault(slot, [])
        place = bisect_right(spans, row.first_serial, key=_first) - 1
        if place >= 0 and spans[place][0] == row.first_serial:
            spans[place] = (row.first_serial, row.last_serial, cached)
            return
        insort(spans, (row.first_serial, row.last_serial, cached), key=_first)
        self._count += 1


def _first(span: tuple[int, int, CachedCode]) -> int:
    return span[0]
