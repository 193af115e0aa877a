"""Slovenia: 60 digits: the protective mark (ZOI) as a decimal, the shop's tax number, the time, a check digit."""

import re

from scanning.receipts.countries.field_parser import moment
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

COUNTRY = "SI"
OPENINGS = "0123456789"


def read(text: str) -> Foreign | None:
    """There is no total. ZOI is the MD5 of a signature, and needs the shop's key. Raises ForeignInvalid."""
    if len(text) != 60 or not re.fullmatch(r"[0-9]{60}", text, re.ASCII):
        return None
    if sum(map(int, text[:59])) % 10 != int(text[59]):
        raise ForeignInvalid(COUNTRY, "check_failed", "the last digit does not fit the others")
    mark = int(text[:39])
    if mark >= 2**128:
        raise ForeignInvalid(COUNTRY, "field_invalid", "the protective mark has 32 hexadecimal digits")
    return Foreign(
        country=COUNTRY,
        scheme="si-furs",
        key=f"{mark:032x}",
        canonical=text,
        at=moment(COUNTRY, f"20{text[47:59]}"),
        currency="EUR",
        seller=text[39:47],
    )
