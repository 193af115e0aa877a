"""Slovakia, eKasa: an identifier of the portal, or what a till without a network prints instead."""

import re

from scanning.receipts.countries.field_parser import in_major_units, moment, money
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "SK"
OPENINGS = "o0123456789abcdef"

_ONLINE = re.compile(r"O-([0-9A-F]{32})", re.IGNORECASE | re.ASCII)
_OFFLINE = re.compile(
    r"(?P<okp>[0-9A-F]{8}(?:-[0-9A-F]{8}){4}):(?P<till>[0-9]{16,17}):(?P<time>[0-9]{12}):(?P<number>[0-9]{1,10})"
    r":(?P<total>[^:]{1,16})",
    re.IGNORECASE | re.ASCII,
)


def read(text: str) -> Foreign | None:
    """Online: O- and 32 hexadecimal digits. Offline: OKP:till:YYMMDDhhmmss:number:euros.

    Raises ForeignInvalid.
    """
    if text[1:2] == "-":
        return _read_online(text)
    match = _OFFLINE.fullmatch(text) if text[8:9] == "-" else None
    return None if match is None else _read_offline(match)


def _read_online(text: str) -> Foreign | None:
    match = _ONLINE.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[Oo]-[0-9A-Fa-f]{24,40}", text, re.ASCII):
            raise ForeignInvalid(COUNTRY, "field_invalid", "the identifier has 32 hexadecimal digits")
        return None
    identifier = f"O-{match[1].upper()}"
    return Foreign(country=COUNTRY, scheme="sk-ekasa", key=identifier, canonical=identifier, currency="EUR")


def _read_offline(match: re.Match[str]) -> Foreign:
    """The till's code holds the shop's tax number (DIC): three digits, the ten of the number, four more."""
    okp, till, number = match["okp"].upper(), match["till"], int(match["number"])
    at, total = moment(COUNTRY, f"20{match['time']}"), money(COUNTRY, match["total"])
    amount = f"-{in_major_units(-total)}" if total < 0 else in_major_units(total)
    return Foreign(
        country=COUNTRY,
        scheme="sk-ekasa-offline",
        key=okp,
        canonical=f"{okp}:{till}:{at:%y%m%d%H%M%S}:{number}:{amount}",
        at=at,
        total=abs(total),
        currency="EUR",
        seller=till[3:13],
        operation=2 if total < 0 else 1,
    )
