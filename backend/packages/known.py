"""Which batch serials belong to: that never changes, so a process may remember it and spare the look-up."""

from bisect import bisect_right, insort
from typing import Any

import msgspec

MOST = 10_000


class Found(msgspec.Struct, frozen=True):
    """What packages_find says of a computed code, without what may change: its state is asked when it is paid.

    The price is the one of `rules_version`, which the payment compares.
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


class Spans:
    """The process's memory of spans of serials, each of one batch."""

    def __init__(self) -> None:
        self._spans: dict[int, list[tuple[int, int, Found]]] = {}
        self._count = 0

    def find(self, n: int, slot: int, serial: int) -> Found | None:
        """What a code is, if a code of its span came by before; see Found for what it does not say."""
        spans = self._spans.get(slot, ())
        place = bisect_right(spans, serial, key=_first) - 1
        if place < 0 or spans[place][1] < serial:
            return None
        return msgspec.structs.replace(spans[place][2], n=n, cause_id=slot << 37 | serial)

    def learn(self, slot: int, row: Any) -> None:
        """Remember the span of a code that was given out; when there is no room, forget all.

        A span that is revoked or not yet active is remembered, too: its state is asked when it is paid, and the answer
        to a stranger takes as long as any other.
        """
        if row.first_serial is None:
            return
        if self._count >= MOST:
            self._spans, self._count = {}, 0
        found = Found(**{name: getattr(row, name) for name in Found.__struct_fields__ if name != "reason"})
        spans = self._spans.setdefault(slot, [])
        place = bisect_right(spans, row.first_serial, key=_first) - 1
        if place >= 0 and spans[place][0] == row.first_serial:
            spans[place] = (row.first_serial, row.last_serial, found)
            return
        insort(spans, (row.first_serial, row.last_serial, found), key=_first)
        self._count += 1


def _first(span: tuple[int, int, Found]) -> int:
    return span[0]
