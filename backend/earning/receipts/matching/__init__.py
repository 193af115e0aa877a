"""Matching of receipt lines to products of a catalogue; pure."""

from backend.earning.receipts.matching.match import CatalogueProduct, Match
from backend.earning.receipts.matching.names import wording_key
from backend.earning.receipts.matching.product_index import Catalogue

__all__ = ["Catalogue", "CatalogueProduct", "Match", "wording_key"]
