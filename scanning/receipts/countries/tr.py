"""Turkey: the QR code of an e-archive invoice, a JSON object."""

import msgspec

from scanning.receipts.countries.field_parser import Fields, in_major_units
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "TR"
OPENINGS = "{"

_MARK = '"ettn"'
_OPERATIONS = {"SATIS": 1, "IADE": 2}


def read(text: str) -> Foreign | None:
    """ettn: the invoice's UUID, vkntckn: the issuer, odenecek: what is to be paid. Raises ForeignInvalid.

    The buyer's number (avkntckn) is left out of the canonical text.
    """
    if _MARK not in text.lower():
        return None
    fields = Fields(COUNTRY, _parse_pairs(text))
    identity = fields.text("ettn", "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}").lower()
    seller, number = fields.text("vkntckn", "[0-9]{10,11}"), fields.text("no", "[A-Za-z0-9]{3,20}").upper()
    at, total, kind = (
        fields.moment("tarih"),
        fields.money("odenecek"),
        (fields.optional("tip", "[A-Za-z]{1,30}") or "").upper(),
    )
    currency = (fields.optional("parabirimi", "[A-Za-z]{3}") or "TRY").upper()
    canonical = {
        "vkntckn": seller,
        "tip": kind,
        "tarih": f"{at:%Y-%m-%d}",
        "no": number,
        "ettn": identity,
        "parabirimi": currency,
        "odenecek": in_major_units(total),
    }
    return Foreign(
        country=COUNTRY,
        scheme="tr-earsiv",
        key=identity,
        canonical=msgspec.json.encode(canonical).decode(),
        at=at,
        total=total,
        currency=currency,
        seller=seller,
        operation=_OPERATIONS.get(kind),
    )


def _parse_pairs(text: str) -> list[tuple[str, str]]:
    try:
        values = msgspec.json.decode(text, type=dict[str, str | int | float | None])
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ForeignInvalid(COUNTRY, "encoding_invalid", "this is no flat JSON object") from error
    return [(name, "" if value is None else str(value)) for name, value in values.items()]
