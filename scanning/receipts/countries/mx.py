"""Mexico: the link to the tax service's check of a digital invoice (CFDI)."""

from urllib.parse import quote

from scanning.receipts.countries.field_parser import Fields, Link, in_major_units
from scanning.receipts.countries.foreign import Foreign

COUNTRY = "MX"
HOSTS = ("verificacfdi.facturaelectronica.sat.gob.mx",)
TEST_HOSTS = ()

_UUID = "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"


def read(link: Link) -> Foreign | None:
    """id: the fiscal folio, re: the issuer, tt: the total, fe: the end of the seal. Raises ForeignInvalid.

    The receiver's tax number (rr) is left out of the canonical text. The link names no currency.
    """
    fields = Fields.of_query(COUNTRY, link.query)
    if "id" not in fields or "re" not in fields:
        return None
    folio, total = fields.text("id", _UUID).upper(), fields.money("tt")
    seller = fields.text("re", "[A-Za-zÑñ&]{3,4}[0-9]{6}[0-9A-Za-z]{3}").upper()
    seal = fields.optional("fe", "[A-Za-z0-9+/]{6,8}={0,2}")
    return Foreign(
        country=COUNTRY,
        scheme="mx-cfdi",
        key=folio,
        canonical=(
            f"https://{link.host}/default.aspx?id={folio}&re={quote(seller)}&tt={in_major_units(total)}"
            f"&fe={quote(seal or '', safe='')}"
        ),
        total=total,
        seller=seller,
    )
