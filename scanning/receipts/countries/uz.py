"""Uzbekistan: the link to the tax committee's page of a receipt; it contains no sum."""

from scanning.receipts.countries.field_parser import Fields, Link
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "UZ"
HOSTS = ("ofd.soliq.uz",)
TEST_HOSTS = ()


def read(link: Link) -> Foreign | None:
    """t: the fiscal module, r: the receipt's number in it, c: wall time, s: the fiscal sign.

    Raises ForeignInvalid.
    """
    fields = Fields.of_query(COUNTRY, link.query)
    if "t" not in fields and "r" not in fields:
        return None
    module = fields.text("t", "[A-Za-z0-9]{8,20}").upper()
    receipt, at, sign = fields.number("r", 10), fields.moment("c"), fields.text("s", "[0-9]{1,12}").zfill(12)
    return Foreign(
        country=COUNTRY,
        scheme="uz-soliq",
        key=f"{module}:{receipt}",
        canonical=f"https://{link.host}/check?t={module}&r={receipt}&c={at:%Y%m%d%H%M%S}&s={sign}",
        at=at,
        currency="UZS",
    )
