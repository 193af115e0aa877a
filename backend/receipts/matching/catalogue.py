"""The index over a catalogue: from a line to the few products it may mean."""

from collections.abc import Iterable

from backend.receipts.matching import names
from backend.receipts.matching.entry import Entry, Match


class Catalogue:
    """An immutable index; build it anew when the products change."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_name = {names.key(name): entry for entry in entries for name in entry.names}

    def match(self, name: str, gtin: str | None = None) -> Match:
        """The product that a receipt's line means, if it can be told."""
        entry = self._by_name.get(names.key(name))
        if entry is None or gtin is not None:
            return Match(None, "none", 0, sure=False, candidates=())
        return Match(entry.product_id, "alias", 1, sure=False, candidates=((entry.product_id, 1),))
