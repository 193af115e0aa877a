"""Portugal: the QR code of an invoice (Portaria 195/2020): letters, values, asterisks."""

import re

from stdnum.pt import nif

from scanning.receipts.countries.field_parser import Fields, in_major_units
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "PT"
OPENINGS = "a"

_SALES = frozenset({"FT", "FS", "FR", "VD"})  # invoice, simplified invoice, invoice with receipt, sale for cash
_RETURNS = frozenset({"NC", "TD"})  # credit note, return slip
_ANNULLED = "A"


def read(text: str) -> Foreign | None:
    """A: the shop's tax number, D: kind, E: state, F: day, G: number, H: ATCUD, O: total.

    The buyer's tax number (B) is left out of the canonical text. Raises ForeignInvalid.
    """
    if not re.match(r"A:[0-9]{9}\*", text, re.ASCII | re.IGNORECASE):
        return None
    if not text.isprintable():
        raise ForeignInvalid(COUNTRY, "encoding_invalid", "the code holds characters that cannot be printed")
    parts = [part.partition(":") for part in text.split("*") if part]
    fields = Fields(COUNTRY, [(name, value) for name, _, value in parts])
    seller, kind = fields.text("a", "[0-9]{9}"), fields.text("d", "[A-Za-z]{2}").upper()
    if not nif.is_valid(seller):
        raise ForeignInvalid(COUNTRY, "check_failed", "the shop's tax number has a wrong check digit")
    state, number = fields.text("e", "[A-Za-z]").upper(), fields.text("g", ".{1,60}")
    day, total, tax = fields.text("f", "[0-9]{8}"), fields.money("o"), fields.money("n")
    unique = fields.text("h", "[A-Za-z0-9]{8,}-[0-9]{1,30}|0").upper()
    return Foreign(
        country=COUNTRY,
        scheme="pt-atcud",
        # Before 2023 the codes of series were not given out yet, and ATCUD was 0.
        key=f"{seller}:{_document_identity(unique) or number}",
        canonical=(
            f"A:{seller}*D:{kind}*E:{state}*F:{day}*G:{number}*H:{unique}"
            f"*N:{in_major_units(tax)}*O:{in_major_units(total)}*Q:{fields.text('q', '[A-Za-z0-9+/]{4}')}"
            f"*R:{fields.number('r', 8)}"
        ),
        at=fields.moment("f"),
        total=total,
        currency="EUR",
        seller=seller,
        operation=None if state == _ANNULLED else _operation_kind(kind),
    )


def _document_identity(unique: str) -> str:
    """The series' code and the number in it, without leading zeros; nothing for the ATCUD 0."""
    series, _, number = unique.partition("-")
    return f"{series}-{int(number)}" if number else ""


def _operation_kind(kind: str) -> int | None:
    return 1 if kind in _SALES else 2 if kind in _RETURNS else None
