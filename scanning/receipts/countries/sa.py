"""Saudi Arabia: the QR code of ZATCA, base64 of tag, length, value; the tags 6 to 9 came with the second phase."""

import base64
import binascii
import re

from scanning.receipts.countries.field_parser import in_major_units, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "SA"
OPENINGS = "a"

# The first byte is the tag 1, so the text starts with A and one of Q to f.
_SHAPE = re.compile(r"A[Q-Za-f][A-Za-z0-9+/]{20,}={0,2}", re.ASCII)
_SELLER_NAME, _VAT_NUMBER, _TIME, _TOTAL, _VAT = range(1, 6)
_HASH, _SIGNATURE, _PUBLIC_KEY = 6, 7, 8


def read(text: str) -> Foreign | None:
    """The tags 1 to 5: seller, VAT number, time, total, VAT. Raises ForeignInvalid.

    Nothing here can be proved. The signature of the second phase covers the hash of an invoice that we don't have, and
    none of the tags 1 to 5: a forger can copy tags 6 to 9 from a genuine receipt and write anything into 1 to 5.
    """
    values = _tagged_values(text) if _SHAPE.fullmatch(text) else None
    if values is None:
        return None
    seller = _tagged_text(values, _VAT_NUMBER)
    if not re.fullmatch(r"[0-9]{9,15}", seller, re.ASCII):
        raise ForeignInvalid(COUNTRY, "field_invalid", "the VAT number has up to 15 digits")
    at, total = moment(COUNTRY, _tagged_text(values, _TIME)), money(COUNTRY, _tagged_text(values, _TOTAL))
    tax = money(COUNTRY, _tagged_text(values, _VAT))
    is_second_phase = values.keys() >= {_HASH, _SIGNATURE, _PUBLIC_KEY}
    invoice_hash = _invoice_hash(values[_HASH]) if is_second_phase else ""
    identity = f"{at:%Y%m%dT%H%M%S}:{in_major_units(abs(total))}:{in_major_units(abs(tax))}"
    return Foreign(
        country=COUNTRY,
        scheme="sa-zatca-2" if is_second_phase else "sa-zatca-1",
        key=f"{seller}:{invoice_hash or identity}",
        canonical=base64.b64encode(b"".join(bytes((tag, len(v))) + v for tag, v in sorted(values.items()))).decode(),
        at=at,
        total=abs(total),
        currency="SAR",
        seller=seller,
        operation=2 if total < 0 else None,
    )


def _tagged_values(text: str) -> dict[int, bytes] | None:
    """The values by tag, or None if the text only looks like base64 of something."""
    try:
        rest = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    values: dict[int, bytes] = {}
    while len(rest) >= 2 and len(rest) >= 2 + rest[1] and rest[0] == len(values) + 1:
        values[rest[0]], rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
    if len(values) < _VAT_NUMBER:
        return None
    if rest or len(values) < _VAT:
        raise ForeignInvalid(COUNTRY, "field_missing", "the code is cut: a tag is missing or too short")
    return values


def _invoice_hash(value: bytes) -> str:
    """SHA-256 in base64; some put the 32 bytes as they are."""
    if len(value) == 32:
        return base64.b64encode(value).decode()
    if not re.fullmatch(rb"[A-Za-z0-9+/]{43}=", value):
        raise ForeignInvalid(COUNTRY, "field_invalid", "the tag 6 holds the hash of the invoice")
    return value.decode()


def _tagged_text(values: dict[int, bytes], tag: int) -> str:
    try:
        text = values[tag].decode().strip()
    except UnicodeDecodeError as error:
        raise ForeignInvalid(COUNTRY, "encoding_invalid", f"the tag {tag} is not a text") from error
    if not text:
        raise ForeignInvalid(COUNTRY, "field_missing", f"the tag {tag} is empty")
    return text
