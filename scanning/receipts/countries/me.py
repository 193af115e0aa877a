"""Montenegro: the link to the tax administration's page of an invoice. Albania has the same design."""

import re
from datetime import datetime

from scanning.receipts.countries.field_parser import Fields, Link, central_european, in_major_units
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "ME"
HOSTS = ("mapr.tax.gov.me",)
TEST_HOSTS = ("efitest.tax.gov.me",)


def read(link: Link) -> Foreign | None:
    """iic: the issuer's code of the invoice, crtd: its time, prc: euros. Raises ForeignInvalid."""
    return read_invoice(COUNTRY, "EUR", f"https://{link.host}/ic/#/verify", link.query)


def read_invoice(country: str, currency: str, page: str, query: str) -> Foreign | None:
    """An invoice of either country. Raises ForeignInvalid.

    iic is an MD5 of the issuer's signature over the other fields, so it can be computed only with the issuer's key.
    """
    fields = Fields.of_query(country, query)
    if "iic" not in fields:
        return None
    identity = fields.text("iic", "[0-9A-Fa-f]{32}").upper()
    seller = fields.text("tin", "[A-Za-z0-9]{8,13}").upper()
    written, zone = _creation_time(fields)
    total = fields.money("prc")
    return Foreign(
        country=country,
        scheme=f"{country.lower()}-efi",
        key=identity,
        canonical=(
            f"{page}?iic={identity}&tin={seller}&crtd={written:%Y-%m-%dT%H:%M:%S}{zone}&prc={in_major_units(total)}"
        ),
        at=central_european(written) if zone == "Z" else written,
        total=total,
        currency=currency,
        seller=seller,
    )


def _creation_time(fields: Fields) -> tuple[datetime, str]:
    """The time as it is written, and its zone; a plus that became a space on the way is a plus again."""
    zone = re.search(r"(?:[+ -][0-9]{2}:?[0-9]{2}|[Zz])$", fields.text("crtd", ".{19,35}"))
    return fields.moment("crtd"), zone[0].upper().replace(" ", "+") if zone else ""
