"""Montenegro: the link to the tax administration's page of an invoice. Albania has the same design."""

import re
from datetime import datetime

from scanning.countries.foreign import Foreign
from scanning.countries.reading import Fields, Link, central_european, in_major_units

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
    created, total = _created(fields), fields.money("prc")
    return Foreign(
        country=country,
        scheme=f"{country.lower()}-efi",
        key=identity,
        canonical=(
            f"{page}?iic={identity}&tin={seller}&crtd={fields.text('crtd', '.{19,35}').replace(' ', '+')}"
            f"&prc={in_major_units(total)}"
        ),
        at=created,
        total=total,
        currency=currency,
        seller=seller,
    )


def _created(fields: Fields) -> datetime:
    """The wall clock; a time of UTC is moved to it."""
    at = fields.moment("crtd")
    return central_european(at) if re.search(r"[Zz]$", fields.text("crtd", ".{19,35}")) else at
