"""Which product of the catalogue a receipt's line means: a pure decision, or none at all."""

from backend.receipts.matching.catalogue import Catalogue
from backend.receipts.matching.entry import Entry, Match
from backend.receipts.matching.names import key

__all__ = ["Catalogue", "Entry", "Match", "key"]
