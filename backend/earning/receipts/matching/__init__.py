"""Matching of receipt lines to products of a catalogue; pure."""

from backend.earning.receipts.matching.catalogue import Catalogue
from backend.earning.receipts.matching.match import CatalogueProduct, Match
from backend.earning.receipts.matching.names import wording_key

__all__ = ["Catalogue", "CatalogueProduct", "Match", "wording_key"]
